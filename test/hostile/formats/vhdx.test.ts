/** Hostile VHDX images: headers, regions, metadata, tables, bitmaps and logs that lie, with checksums put right. */
import { describe, expect, test } from 'vitest';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { buildVhdx, KIB, logEntry, markLog, MIB, putInLog, regionsOf, seal } from '../../integ/formats/build-vhdx.ts';
import { type Region } from '../filesystems/harmless.ts';
import { attack, cutOff, EACH, hostile, readHostileImage } from './hostile-image.ts';

describe('VHDX', () => {
  const GUID = 'A0A0A0A0-0123-4567-89AB-CDEF01234567';
  const LOG = 'C0FFEE00-1111-2222-3333-444444444444';
  const disk = { lengthBytes: 3 * MIB, blockBytes: MIB, sectorBytes: 512, dataWriteGuid: GUID };
  const sectors = new Map([0, 5, 2048, 6143].map((number) => [number, noise(`${number}`, 512)]));
  const repair = (bytes: Buffer) => {
    for (const at of [64, 128]) seal(bytes.subarray(at * KIB, (at + 4) * KIB));
    for (const at of [192, 256]) seal(bytes.subarray(at * KIB, (at + 64) * KIB));
  };

  test('headers, region tables, metadata, BAT', async (context) => {
    const folder = new Map([['i', buildVhdx({ ...disk, sectors })]]);
    const regions: Region[] = [
      [64 * KIB, 96],
      [128 * KIB, 96],
      [192 * KIB, 96],
      [256 * KIB, 96],
      [2 * MIB, 200],
      [2 * MIB + 64 * KIB, 48],
    ];
    await attack(
      { folder, name: 'i', changed: 'i', regions: [...regions, [3 * MIB, 40], [3 * MIB, 40]], repair },
      2 * EACH,
    );
    await cutOff(folder, 'i');
    proves(context, hostile('VHDX'));
  });

  test('parents: locators, bitmaps of sectors', async () => {
    const parent = { parent_linkage: `{${GUID}}`, relative_path: '.\\base', absolute_win32_path: 'C:\\base' };
    const folder = new Map([
      ['base', buildVhdx({ ...disk, sectors })],
      ['i', buildVhdx({ ...disk, sectors, dataWriteGuid: LOG, parent })],
    ]);
    const regions: Region[] = [
      [2 * MIB + 5 * 32, 64],
      [2 * MIB + 64 * KIB, 300],
      [3 * MIB, 40],
      [3 * MIB + 4096 * 8, 16],
    ];
    await attack({ folder, name: 'i', changed: 'i', regions, repair }, EACH);
  });

  test('logs', async () => {
    const file = buildVhdx({ ...disk, sectors });
    const page = (i: number) => ({
      at: regionsOf(file).bat,
      page: Buffer.concat([file.subarray(3 * MIB, 3 * MIB + 4088), Buffer.alloc(8, i)]),
    });
    const entries = [1, 2, 3].map((i) => {
      const changes = [page(i), { at: 5 * MIB, zeroBytes: 8192 }, { at: 4 * MIB, page: noise(`${i}`, 4096) }];
      return logEntry({ sequence: 10 + i, guid: LOG, tail: 0, fileBytes: file.length, changes });
    });
    entries.forEach((entry, i) => putInLog(file, i * entry.length, entry));
    markLog(file, LOG);
    const length = entries[0].length;
    const sealEntries = (bytes: Buffer) => {
      repair(bytes);
      for (let at = MIB; at < MIB + 3 * length; at += length) {
        const claimed = bytes.readUInt32LE(at + 8);
        seal(bytes.subarray(at, at + (claimed >= 4096 && claimed <= 8 * length ? claimed : length)));
      }
    };
    const regions: Region[] = [0, 1, 2].flatMap(
      (i) =>
        [
          [MIB + i * length, 160],
          [MIB + i * length + 4096, 16],
        ] as Region[],
    );
    const folder = new Map([['i', file]]);
    await attack(
      { folder, name: 'i', changed: 'i', regions: [...regions, [64 * KIB, 96], [128 * KIB, 96]], repair: sealEntries },
      EACH,
    );
  });

  test('a log of entries that all claim to be as long as the log', async () => {
    const file = buildVhdx({ ...disk, sectors });
    const entry = logEntry({ sequence: 1, guid: LOG, tail: 0, fileBytes: 0, changes: [] });
    entry.writeUInt32LE(MIB, 8);
    for (let at = 0; at < MIB; at += 4096) putInLog(file, at, entry);
    markLog(file, LOG);
    expect(await readHostileImage(new Map([['i', file]]), 'i')).toBe('FORMAT_INVALID');
  });

  test('bitmaps of sectors here and there in turn take bounded memory', async () => {
    const big = { ...disk, lengthBytes: 300 * MIB };
    const parent = { parent_linkage: `{${GUID}}`, relative_path: 'base' };
    const file = buildVhdx({ ...big, sectors, dataWriteGuid: LOG, parent });
    // every block says that it is partly there, at the same place
    const entry = file.readBigUInt64LE(3 * MIB);
    for (let block = 0; block < 300; block++) file.writeBigUInt64LE(entry, 3 * MIB + block * 8);
    file.fill(0x55, Number(file.readBigUInt64LE(3 * MIB + 4096 * 8) >> 20n) * MIB);
    const folder = new Map([
      ['base', buildVhdx({ ...big, sectors: new Map() })],
      ['i', file],
    ]);
    const before = process.memoryUsage().rss;
    expect(await readHostileImage(folder, 'i')).toMatch(/read/);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * MIB);
  });
});
