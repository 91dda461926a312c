/** Footers of VHDs where they do not belong, and bytes where none should be: told or asked about, never bytes of a disk left out. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openDiskImage } from '../../../src-engine/formats/open-image.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { run, workbench } from '../../support/workbench.ts';
import { expectContent, makeRaw, openImage } from './virtual-disks.ts';

const bench = workbench();
const raw = makeRaw(bench, 'raw.img');
const disk = readFileSync(raw);
const vhd = (kind: string) => {
  const path = bench.path(`${kind}.vhd`);
  run('qemu-img', 'convert', '-f', 'raw', '-O', 'vpc', '-o', `subformat=${kind},force_size=on`, raw, path);
  return readFileSync(path);
};
const fixed = vhd('fixed');
const dynamic = vhd('dynamic');
const write = (name: string, ...parts: Buffer[]) => {
  writeFileSync(bench.path(name), Buffer.concat(parts));
  return bench.path(name);
};

test.each([
  ['fixed', fixed],
  ['dynamic', dynamic],
])('a footer of a %s disk behind a raw one that is longer is asked about', async (kind, image) => {
  const path = write(`stray-${kind}.img`, disk, Buffer.alloc(4096, 1), image.subarray(-512));
  await expect(openImage(path)).rejects.toMatchObject({ code: 'FORMAT_UNCLEAR', data: { one: 'vhd', other: 'raw' } });
  const source = await openFileSource(path);
  const { signal } = new AbortController();
  const none = () => Promise.reject(new Error('no file beside it'));
  expect(await openDiskImage(source, 'stray', none, signal, 'raw')).toBeNull();
  await source.close();
});

test('bytes behind the footer are told', async () => {
  for (const bytes of [512, 1000, 100_000]) {
    const { warnings } = await expectContent(write('behind.vhd', fixed, Buffer.alloc(bytes, 7)), disk);
    expect(warnings).toEqual([{ code: 'IMAGE_BYTES_BEHIND', data: { path: 'behind.vhd', lengthBytes: bytes } }]);
  }
});

test('a footer of 511 bytes, as Virtual PC wrote them', async () => {
  await expectContent(write('old.vhd', fixed.subarray(0, -1)), disk);
});

test('a disk that grows whose footer at the end is damaged or followed by others is read by its copy', async () => {
  await expectContent(write('grown.vhd', dynamic, Buffer.from('hello\n')), disk);
  const damaged = Buffer.from(dynamic);
  damaged.fill(0, damaged.length - 512);
  await expectContent(write('damaged.vhd', damaged), disk);
});
