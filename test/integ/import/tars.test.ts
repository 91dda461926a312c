/** An image in a tar of every kind that GNU tar writes: the same image, or refused by what it is. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { archiveTypeOf } from '../../../src-engine/archive/archive-type.ts';
import { UNPACK_LIMITS } from '../../../src-engine/archive/sparse-file.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { findImage } from '../../../src-engine/jobs/import/find-image.ts';
import { noise } from '../../support/disks.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const image = bench.file('disk.img', 4 * MIB);
writeFileSync(image, noise('a disk in a tar', 300_000), { flag: 'r+' });
const { signal } = new AbortController();
const tar = (name: string, ...options: string[]) => {
  execFileSync('tar', ['-cf', name, ...options, 'disk.img'], { cwd: bench.folder });
  return bench.path(name);
};

async function open(path: string) {
  const folder = bench.path('scratch');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const scratch = { folder, limits: UNPACK_LIMITS, signal, advance() {} };
  return findImage({ path, entry: null, password: null, format: null }, scratch, signal);
}

test.each(['v7', 'oldgnu', 'gnu', 'ustar', 'posix'])('%s', async (format) => {
  const found = await open(tar(`${format}.tar`, `--format=${format}`));
  try {
    expect(found).toMatchObject({ archive: 'tar', format: 'raw', name: 'disk.img' });
    const bytes = Buffer.alloc(4 * MIB, 0xee);
    await found.image!.source.readInto(0, bytes);
    expect(bytes.equals(readFileSync(image))).toBe(true);
  } finally {
    await found.close();
  }
});

test.each([
  ['oldgnu', []],
  ['gnu', []],
  ['posix', ['--sparse-version=0.0']],
  ['posix', ['--sparse-version=0.1']],
  ['posix', ['--sparse-version=1.0']],
])('%s with holes %s is refused as what it is', async (format, options) => {
  const path = tar('sparse.tar', '-S', `--format=${format}`, ...options);
  await expect(open(path)).rejects.toMatchObject({
    code: 'FORMAT_UNSUPPORTED',
    data: { feature: 'sparse files in tar' },
  });
});

test('the first sector of a disk is no tar', async () => {
  run('sh', '-c', `echo 2048,,83 | sfdisk -q ${image}`);
  const source = await openFileSource(image);
  expect(await archiveTypeOf(source)).toBeNull();
  await source.close();
});
