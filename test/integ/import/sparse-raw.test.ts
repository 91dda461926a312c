/** Raw images with holes, on file systems that tell of them and on one that does not. */
import { readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { BlockSource } from '../../../src-engine/disk/block-source.port.ts';
import { openSparseFile } from '../../../src-engine/images/sparse-file.ts';
import { openEngine, resultOf } from '../../support/engine.ts';
import { canLoop, MIB, ON_DISK, run, workbench } from '../../support/workbench.ts';

// memory does not tell of holes
const bench = workbench(ON_DISK);
const GIB = 1024 * MIB;
const { signal } = new AbortController();

/** @param data [place, length], of which every byte is one */
function makeSparse(path: string, lengthBytes: number, data: [place: number, length: number][]): string {
  run('truncate', '-s', `${lengthBytes}`, path);
  for (const [place, length] of data) run('qemu-io', '-f', 'raw', '-c', `write -P 1 ${place} ${length}`, path);
  return path;
}

async function toldOf(source: BlockSource, startBytes = 0, lengthBytes = source.lengthBytes) {
  if (!source.dataRuns) return null;
  const runs = [];
  for await (const batch of source.dataRuns(startBytes, lengthBytes, signal)) runs.push(...batch);
  return runs.map((one) => [one.startBytes, one.lengthBytes]);
}

describe('the data of a raw file', () => {
  test('is told by its file system, and what was only just written is data', async () => {
    const path = makeSparse(bench.path('told.img'), GIB, [
      [3 * MIB, 2 * MIB],
      [GIB - MIB, MIB],
    ]);
    const source = await openSparseFile(path);
    expect(await toldOf(source)).toEqual([
      [3 * MIB, 2 * MIB],
      [GIB - MIB, MIB],
    ]);
    expect(await toldOf(source, 4 * MIB, 8 * MIB)).toEqual([[4 * MIB, MIB]]);
    await source.close();
  });

  test('is not asked for where holes are read as soon', async () => {
    const source = await openSparseFile(makeSparse(bench.path('short.img'), 64 * MIB, [[0, MIB]]));
    expect(source.dataRuns).toBeUndefined();
    await source.close();
  });

  test.skipIf(!canLoop)('is the whole file where its file system does not tell', async () => {
    const folder = bench.path('memory');
    run('mkdir', folder);
    run('mount', '-t', 'tmpfs', 'tmpfs', folder);
    bench.atEnd(() => run('umount', folder));
    const source = await openSparseFile(makeSparse(`${folder}/disk.img`, GIB, [[5 * MIB, MIB]]));
    expect(await toldOf(source)).toEqual([[0, GIB]]);
    await source.close();
  });
});

test('a disk of 2 GiB of which nearly nothing is there is captured without reading the rest', async () => {
  const path = makeSparse(bench.path('large.img'), 2 * GIB, [
    [0, MIB],
    [1.5 * GIB + 512, 3 * MIB],
    [2 * GIB - 4096, 4096],
  ]);
  const engine = await openEngine(bench.path('catalog'));
  const readBefore = readBytes();
  resultOf(await engine.capture(path, 'large'));
  expect(readBytes() - readBefore).toBeLessThan(GIB / 2);
  const target = bench.path('deployed.img');
  resultOf(await engine.deploy('large', target));
  await engine.close();
  run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', path, target);
  expect(statSync(target).blocks * 512).toBeLessThan(64 * MIB);
});

/** What this process has read of files: proc(5), /proc/PID/io. */
const readBytes = () => Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
