/** Where a raw image is read from: from memory if it lies there, otherwise past the page cache. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sharedMemory } from '../../../src-engine/core/aligned-memory.ts';
import { openSparseFile } from '../../../src-engine/images/sparse-file.ts';
import { MIB, ON_DISK, run, workbench } from '../../support/workbench.ts';

const bench = workbench(ON_DISK);
const LENGTH_BYTES = 96 * MIB;

function makeImage(name: string): string {
  const path = bench.path(name);
  run('sh', '-c', `head -c ${LENGTH_BYTES} /dev/urandom > ${path} && sync ${path}`);
  return path;
}

/** What this process has had read from disks: proc(5), /proc/pid/io. */
const bytesFromDisks = () => Number(/^read_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
const cachedBytes = (path: string) => Number(run('fincore', '--bytes', '--noheadings', '--output', 'RES', path));

/** Reads all of it as a capture does. @returns what of it came from the disk */
async function read(path: string): Promise<number> {
  const window = new Uint8Array(sharedMemory(8 * MIB));
  const source = await openSparseFile(path);
  const before = bytesFromDisks();
  for (let at = 0; at < LENGTH_BYTES; at += window.length) await source.readInto(at, window);
  const bytes = bytesFromDisks() - before;
  await source.close();
  return bytes;
}

test('an image that lies in memory is not read from the disk once more', async () => {
  const path = makeImage('warm.img');
  expect(cachedBytes(path)).toBe(LENGTH_BYTES);
  expect(await read(path)).toBe(0);
});

test('one that does not is read past the cache, which keeps what it has', async () => {
  const path = makeImage('cold.img');
  run('dd', `of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none');
  expect(cachedBytes(path)).toBe(0);
  expect(await read(path)).toBe(LENGTH_BYTES);
  expect(cachedBytes(path)).toBe(0);
});
