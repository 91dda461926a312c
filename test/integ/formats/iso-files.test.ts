/** Files of ISOs as genisoimage and xorriso make them, by whichever names they have. */
import { readFileSync, truncateSync } from 'node:fs';
import { expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { hasUdf } from '../../../src-engine/formats/iso/descriptors.ts';
import { IsoFiles, type IsoEntry } from '../../../src-engine/formats/iso/iso-files.ts';
import { VIRTIO_WIN } from '../../support/virtio-tree.ts';
import { ISO_KINDS, isoOf } from '../../support/virtio-win.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
/** More of them than a sector has records for. */
const MANY = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`many/file${i}.txt`, `content ${i}`]));
const TREE = { ...VIRTIO_WIN, ...MANY };

/** Everything below a folder by path, in small letters, as ISO 9660 may write it. */
async function all(iso: IsoFiles, folder: IsoEntry = iso.root, path = ''): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const entry of await iso.list(folder)) {
    const own = `${path}${entry.name.toLowerCase()}`;
    if (!entry.isFolder) found.set(own, await iso.read(entry, MIB));
    else for (const [name, bytes] of await all(iso, entry, `${own}/`)) found.set(name, bytes);
  }
  return found;
}

const kinds = Object.keys(ISO_KINDS) as (keyof typeof ISO_KINDS)[];
test.each(kinds)('%s', async (kind) => {
  const iso = await IsoFiles.open(memorySource(readFileSync(isoOf(bench, `${kinds.indexOf(kind)}.iso`, TREE, kind))));
  const found = await all(iso!);
  const folded = (path: string) => path.toLowerCase().replace(/[^a-z0-9/]/g, '_');
  // a level of ISO 9660 that has short names only shortens this one
  const expected = Object.entries(TREE).filter(([path]) => !path.includes('license'));
  const byFolded = new Map([...found].map(([path, bytes]) => [folded(path), bytes]));
  expect(byFolded.size).toBe(found.size);
  expect(found.size).toBe(Object.keys(TREE).length);
  for (const [path, content] of expected) {
    expect([path, byFolded.get(folded(path))?.toString('latin1')]).toEqual([path, content.toString('latin1')]);
  }
});

test('UDF alone, and what is no ISO', async () => {
  const image = bench.file('udf.iso', 4 * MIB);
  run('mkudffs', '--media-type=hd', '--blocksize=2048', image);
  const udf = memorySource(readFileSync(image));
  expect([await IsoFiles.open(udf), await hasUdf(udf)]).toEqual([null, true]);
  for (const lengthBytes of [0, 100, 34 * 1024, MIB]) {
    const none = memorySource(Buffer.alloc(lengthBytes, 'no disc '));
    expect([await IsoFiles.open(none), await hasUdf(none)]).toEqual([null, false]);
  }
});

test('a file that lies behind the end, or is longer than it may be, is refused', async () => {
  const path = isoOf(bench, 'cut.iso', { 'one/large.bin': Buffer.alloc(MIB, 'large') });
  const iso = await IsoFiles.open(memorySource(readFileSync(path)));
  const [one] = await iso!.list(iso!.root);
  const [large] = await iso!.list(one);
  await expect(iso!.read(large, MIB - 1)).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  truncateSync(path, 512 * 1024);
  const cut = await IsoFiles.open(memorySource(readFileSync(path)));
  await expect(cut!.read(large, MIB)).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
});
