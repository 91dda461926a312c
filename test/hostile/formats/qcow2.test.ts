/** Hostile qcow2 images: headers, tables, compressed clusters and backing files that lie. */
import { beforeAll, describe, expect, test } from 'vitest';
import { proves } from '../../support/matrix.ts';
import { type Region } from '../filesystems/harmless.ts';
import { attack, byQemu, cutOff, EACH, hostile, readHostileImage, type Kind } from './hostile-image.ts';

describe('qcow2', () => {
  const kinds: [string, Kind][] = [];
  beforeAll(() => {
    const make = (label: string, options: string, extra: Region[], ...flags: string[]) => {
      const folder = byQemu('i', 'qcow2', [
        'qemu-img',
        'convert',
        '-O',
        'qcow2',
        ...flags,
        '-o',
        options,
        'disk.raw',
        'i',
      ]);
      const bytes = folder.get('i')!;
      const clusterBytes = 2 ** bytes.readUInt32BE(20);
      const l1 = Number(bytes.readBigUInt64BE(40));
      const l2 = Number(bytes.readBigUInt64BE(l1) & 0x00fffffffffffe00n);
      const regions: Region[] = [[0, 120], [l1, 16], [l2, Math.min(clusterBytes, 512)], ...extra];
      kinds.push([label, { folder, name: 'i', changed: 'i', regions }]);
    };
    make('plain', 'cluster_size=4k', []);
    make('zlib', 'cluster_size=64k', [[5 * 65_536, 65_536]], '-c');
    make('zstd', 'cluster_size=4k,compression_type=zstd', [[6 * 4096, 20 * 4096]], '-c');
    make('extended', 'cluster_size=16k,extended_l2=on', []);
  });

  test('headers, L1, L2 and compressed clusters', async (context) => {
    for (const [, kind] of kinds) await attack(kind, EACH);
    proves(context, hostile('qcow2'));
  });

  test('backing files: names and what is in them', async () => {
    const folder = byQemu(
      'top',
      'qcow2',
      ['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'disk.raw', '-F', 'raw', 'mid'],
      ['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'mid', '-F', 'qcow2', 'top'],
    );
    for (const changed of ['top', 'mid']) {
      const at = Number(folder.get(changed)!.readBigUInt64BE(8));
      await attack(
        {
          folder,
          name: 'top',
          changed,
          regions: [
            [0, 32],
            [104, 400],
            [at, 16],
          ],
        },
        EACH,
      );
    }
  });

  test('names that lead out of the folder are never opened', async () => {
    const folder = byQemu('i', 'qcow2', [
      'qemu-img',
      'create',
      '-q',
      '-f',
      'qcow2',
      '-b',
      'disk.raw',
      '-F',
      'raw',
      'i',
    ]);
    const bytes = folder.get('i')!;
    const at = Number(bytes.readBigUInt64BE(8));
    for (const name of [
      '/etc/passwd',
      '../x',
      'a/b',
      'a\\b',
      'C:x',
      'json:{"file":"disk.raw"}',
      'nbd://h/x',
      '..',
      'x\0y',
    ]) {
      bytes.writeUInt32BE(name.length, 16);
      bytes.write(name, at, 'latin1');
      expect(await readHostileImage(folder, 'i'), name).toBe('FORMAT_UNSUPPORTED');
    }
  });

  test('chains that are endless or too long', async () => {
    const folder = byQemu('i', 'qcow2', [
      'qemu-img',
      'create',
      '-q',
      '-f',
      'qcow2',
      '-b',
      'disk.raw',
      '-F',
      'raw',
      'i',
    ]);
    const bytes = folder.get('i')!;
    const at = Number(bytes.readBigUInt64BE(8));
    const link = (name: string, backing: string, format = 'qcow2') => {
      const copy = Buffer.from(bytes.subarray(0, 8 * 65_536));
      // the name of the format, in the place of 'raw': without one, an image behind another is not believed to be one
      const extension = Number(copy.readUInt32BE(100));
      copy.writeUInt32BE(format.length, extension + 4);
      copy.write(format, extension + 8, 'latin1');
      copy.writeUInt32BE(backing.length, 16);
      copy.write(backing, at, 'latin1');
      folder.set(name, copy);
    };
    for (let i = 0; i < 100; i++) link(`n${i}`, `n${i + 1}`);
    link('n100', 'disk.raw', 'raw');
    expect(await readHostileImage(folder, 'n0')).toBe('FORMAT_INVALID');
    expect(await readHostileImage(folder, 'n60')).toBe('read');
    link('n100', 'n98');
    expect(await readHostileImage(folder, 'n98')).toBe('FORMAT_INVALID');
  });

  test('cut off anywhere', async () => {
    for (const [, { folder }] of kinds) await cutOff(folder, 'i');
  });

  test('every entry of a table that leads to one cluster costs no more than reading it', async () => {
    const folder = byQemu('i', 'qcow2', ['qemu-img', 'convert', '-O', 'qcow2', '-c', 'disk.raw', 'i']);
    const bytes = folder.get('i')!;
    const l1 = Number(bytes.readBigUInt64BE(40));
    const l2 = Number(bytes.readBigUInt64BE(l1) & 0x00fffffffffffe00n);
    const entry = bytes.subarray(l2, l2 + 8);
    for (let at = 8; at < 65_536; at += 8) entry.copy(bytes, l2 + at);
    // 256 GiB, all of it that table
    const big = Buffer.concat([bytes], bytes.length + 65_536);
    big.writeBigUInt64BE(1n << 38n, 24);
    big.writeUInt32BE(512, 36);
    big.writeBigUInt64BE(BigInt(bytes.length - (bytes.length % 65_536) + 65_536), 40);
    const table = Buffer.alloc(512 * 8);
    for (let i = 0; i < 512; i++) table.writeBigUInt64BE(BigInt(l2), i * 8);
    folder.set('i', Buffer.concat([big.subarray(0, bytes.length - (bytes.length % 65_536) + 65_536), table]));
    expect(await readHostileImage(folder, 'i')).toBe('read');
  });
});
