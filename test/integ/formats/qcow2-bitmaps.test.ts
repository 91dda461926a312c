/** Bitmaps that qcow2 images keep: made by qemu-img and qemu-io, and read as QEMU itself says them over NBD. Hostile ones end in an error, and soon. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import type { Extent } from '../../../src-engine/disk/block-source.port.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { readBitmaps } from '../../../src-engine/formats/qcow2/bitmaps.ts';
import { readQcow2Header } from '../../../src-engine/formats/qcow2/header.ts';
import { randomBelow } from '../../support/temporary.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const EXTENSION = 0x23852875;

describe('bitmaps of a qcow2', () => {
  const bench = workbench();
  let count = 0;

  /** @returns its path */
  function image(options: string, size: string, ...bitmaps: string[][]): string {
    const path = bench.path(`${++count}.qcow2`);
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', options, path, size);
    for (const words of bitmaps) run('qemu-img', 'bitmap', '--add', ...words.slice(1), path, words[0]);
    return path;
  }
  const write = (path: string, ...commands: string[]) =>
    run('qemu-io', '-f', 'qcow2', ...commands.flatMap((command) => ['-c', command]), path);

  async function bitmapsIn(bytes: Buffer) {
    const source = memorySource(bytes);
    const header = (await readQcow2Header(source))!;
    return { header, bitmaps: await readBitmaps(source, header) };
  }
  /** What QEMU says of it. */
  function byQemu(path: string, name: string): Extent[] {
    const socket = bench.path(`${++count}.sock`);
    const map = run(
      'sh',
      ...['-c', 'qemu-nbd --persistent --fork -r -f qcow2 -k "$1" -B "$2" --pid-file "$1.pid" "$3"', 'sh'],
      ...[socket, name, path],
    );
    expect(map).toBe('');
    const options = `driver=nbd,server.type=unix,server.path=${socket},x-dirty-bitmap=qemu:dirty-bitmap:${name}`;
    const said = run('qemu-img', 'map', '--output=json', '--image-opts', options);
    process.kill(Number(readFileSync(`${socket}.pid`, 'utf8')));
    // bits that are set are no data to it
    const runs = (JSON.parse(said) as { start: number; length: number; data: boolean }[]).filter(({ data }) => !data);
    const joined: { startBytes: number; lengthBytes: number }[] = [];
    for (const { start, length } of runs) {
      const last = joined.at(-1);
      if (last && last.startBytes + last.lengthBytes === start) last.lengthBytes += length;
      else joined.push({ startBytes: start, lengthBytes: length });
    }
    return joined;
  }

  for (const [options, size, granularity] of [
    ['cluster_size=64k', '64M', '64k'],
    ['cluster_size=64k', '67108352', '4k'],
    ['cluster_size=512', '16M', '512'],
    ['cluster_size=512', '16M', '64k'],
    ['cluster_size=2M', '3G', '2M'],
    ['cluster_size=16k,extended_l2=on', '64M', '32k'],
  ]) {
    test(`${options}, ${size}, each ${granularity}: as QEMU reads them`, async () => {
      const path = image(options, size, ['first', '-g', granularity], ['empty', '--disable']);
      const below = randomBelow(7);
      const length = Number((await bitmapsIn(readFileSync(path))).header.lengthBytes);
      for (let i = 0; i < 20; i++)
        write(path, `write -z ${below(Math.floor((length - 70_000) / 512)) * 512} ${512 * (1 + below(128))}`);
      write(path, `write -z ${length - 512} 512`);
      const { bitmaps } = await bitmapsIn(readFileSync(path));
      expect(bitmaps.map(({ name, isConsistent, isRecording }) => [name, isConsistent, isRecording])).toEqual([
        ['first', true, true],
        ['empty', true, false],
      ]);
      const expected = byQemu(path, 'first');
      expect(expected.length).toBeGreaterThan(2);
      expect(await bitmaps[0].written(0, length)).toEqual(expected);
      expect(await bitmaps[1].written(0, length)).toEqual([]);
      // and piece by piece
      const pieces: Extent[] = [];
      for (let at = 0; at < length; at += 1_000_448) {
        for (const run of await bitmaps[0].written(at, Math.min(1_000_448, length - at))) {
          const last = pieces.at(-1);
          if (last && last.startBytes + last.lengthBytes === run.startBytes)
            pieces[pieces.length - 1] = { ...last, lengthBytes: last.lengthBytes + run.lengthBytes };
          else pieces.push(run);
        }
      }
      expect(pieces).toEqual(expected);
    });
  }

  test('are none of an image without them, and inconsistent where somebody wrote who knows none', async () => {
    expect((await bitmapsIn(readFileSync(image('compat=0.10', '1M')))).bitmaps).toEqual([]);
    expect((await bitmapsIn(readFileSync(image('cluster_size=64k', '1M')))).bitmaps).toEqual([]);
    const bytes = readFileSync(image('cluster_size=64k', '64M', ['one'], ['two']));
    expect((await bitmapsIn(bytes)).bitmaps.map((one) => one.isConsistent)).toEqual([true, true]);
    const foreign = Buffer.from(bytes);
    foreign.writeBigUInt64BE(0n, 88);
    expect((await bitmapsIn(foreign)).bitmaps.map((one) => one.isConsistent)).toEqual([false, false]);
    const { directory } = placesIn(bytes);
    for (const flags of [3, 8, 0x80000002]) {
      const crashed = Buffer.from(bytes);
      crashed.writeUInt32BE(flags, directory + 12);
      expect((await bitmapsIn(crashed)).bitmaps.map((one) => one.isConsistent)).toEqual([false, true]);
    }
    const other = Buffer.from(bytes);
    other[directory + 16] = 2;
    expect((await bitmapsIn(other)).bitmaps.map((one) => one.isConsistent)).toEqual([false, true]);
  });

  /** Offsets in an image: of the extension's fields, and of the directory. */
  function placesIn(bytes: Buffer) {
    const extension = bytes.indexOf(Buffer.from([0x23, 0x85, 0x28, 0x75])) + 8;
    expect(bytes.readUInt32BE(extension - 8)).toBe(EXTENSION);
    return { extension, directory: Number(bytes.readBigUInt64BE(extension + 16)) };
  }

  test('that lie are refused, whatever they lie about', async () => {
    const path = image('cluster_size=64k', '64M', ['one'], ['two']);
    write(path, 'write 1M 64k');
    const bytes = readFileSync(path);
    const { extension, directory } = placesIn(bytes);
    const table = Number(bytes.readBigUInt64BE(directory));
    const all = async (changed: Buffer) => {
      const { header, bitmaps } = await bitmapsIn(changed);
      for (const bitmap of bitmaps) await bitmap.written(0, header.lengthBytes);
      return bitmaps;
    };
    expect(await all(bytes)).toHaveLength(2);
    const lies: [string, (bytes: Buffer) => unknown][] = [
      ['the length of the extension', (b) => b.writeUInt32BE(16, extension - 4)],
      ['no bitmaps', (b) => b.writeUInt32BE(0, extension)],
      ['many bitmaps', (b) => b.writeUInt32BE(65536, extension)],
      ['as many as there may be', (b) => b.writeUInt32BE(65535, extension)],
      ['a directory of a terabyte', (b) => b.writeBigUInt64BE(2n ** 40n, extension + 8)],
      ['a directory of no number', (b) => b.writeBigUInt64BE(2n ** 64n - 1n, extension + 8)],
      ['an empty directory', (b) => b.writeBigUInt64BE(0n, extension + 8)],
      ['a directory outside', (b) => b.writeBigUInt64BE(2n ** 46n, extension + 16)],
      ['a directory in the header', (b) => b.writeBigUInt64BE(8n, extension + 16)],
      ['a table outside', (b) => b.writeBigUInt64BE(2n ** 46n, directory)],
      ['a table beside a cluster', (b) => b.writeBigUInt64BE(BigInt(table + 8), directory)],
      ['a long table', (b) => b.writeUInt32BE(0x7fffffff, directory + 8)],
      ['no table', (b) => b.writeUInt32BE(0, directory + 8)],
      ['granules of a byte', (b) => (b[directory + 17] = 0)],
      ['granules beyond measure', (b) => (b[directory + 17] = 255)],
      ['no name', (b) => b.writeUInt16BE(0, directory + 18)],
      ['a long name', (b) => b.writeUInt16BE(65535, directory + 18)],
      ['a lot of other data', (b) => b.writeUInt32BE(0xffffffff, directory + 20)],
      ['reserved bits of the table', (b) => b.writeBigUInt64BE(4n, table)],
      ['bits outside', (b) => b.writeBigUInt64BE(2n ** 45n, table)],
      ['bits beside a cluster', (b) => b.writeBigUInt64BE(512n, table)],
    ];
    for (const [what, lie] of lies) {
      const changed = Buffer.from(bytes);
      lie(changed);
      await expect(all(changed), what).rejects.toMatchObject({
        code: expect.stringMatching(/^(FORMAT_INVALID|FILE_TRUNCATED)$/),
      });
    }
    const ones = Buffer.from(bytes);
    ones.writeBigUInt64BE(1n, table);
    expect(await (await bitmapsIn(ones)).bitmaps[0].written(0, 64 * MIB)).toEqual([
      { startBytes: 0, lengthBytes: 64 * MIB },
    ]);
  });

  test('with any bytes of them changed end in what is known, or in runs of the disk', async () => {
    const path = image('cluster_size=4k', '8M', ['one', '-g', '512'], ['two']);
    write(path, 'write 1M 64k', 'write 4M 1k');
    const bytes = readFileSync(path);
    const { extension, directory } = placesIn(bytes);
    const table = Number(bytes.readBigUInt64BE(directory));
    const below = randomBelow(3);
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      const changed = Buffer.from(bytes);
      const [at, length] = [
        [extension - 8, 32],
        [directory, 64],
        [table, 16],
      ][i % 3];
      for (let k = 0; k <= below(3); k++) changed[at + below(length)] = below(256);
      try {
        const { header, bitmaps } = await bitmapsIn(changed);
        for (const bitmap of bitmaps) {
          let end = -1;
          for (const { startBytes, lengthBytes } of await bitmap.written(0, header.lengthBytes)) {
            expect(startBytes).toBeGreaterThan(end);
            end = startBytes + lengthBytes;
            expect(end).toBeLessThanOrEqual(header.lengthBytes);
          }
        }
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        expect(error.code).toMatch(/^(FORMAT_INVALID|FILE_TRUNCATED)$/);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(500);
  }, 60_000);
});
