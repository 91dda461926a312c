/** Compares the files of a Clonezilla folder with the checksums that lie beside them. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Warning } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import type { ClonedDisk } from '../formats/clonezilla/folder.ts';
import { cloneSumsOf, MAX_CLONE_SUMS_BYTES, parseCloneSums } from '../formats/clonezilla/sums.ts';
import { openFileSource } from '../formats/raw/file-source.ts';
import { readSmall } from './image-files.ts';
import { hashOfPart } from './image-place.ts';

/** What a folder has to compare the files of a disk with. */
export interface CloneSumsIn {
  readonly files: readonly { readonly name: string; readonly path: string; readonly sum: string }[];
  /** of the sums of `files` */
  readonly hash: string;
  /** where they stand */
  readonly fileName: string;
  /** what nothing is compared with, though the folder has sums */
  readonly notChecked: readonly Warning[];
}

const NOTHING: CloneSumsIn = { files: [], hash: '', fileName: '', notChecked: [] };
const notChecked = (path: string): Warning => ({ code: 'IMAGE_SUMS_NOT_CHECKED', data: { path } });

/** Reads no image. @throws EngineError `READ_FAILED` */
export async function cloneSumsIn(folder: string, disk: ClonedDisk): Promise<CloneSumsIn> {
  const names = (await readdir(folder, { withFileTypes: true })).filter((one) => one.isFile()).map(({ name }) => name);
  const told = cloneSumsOf(names);
  if (!told) return NOTHING;
  const { fileName, hash } = told;
  if (!hash) return { ...NOTHING, notChecked: [notChecked(fileName)] };
  const text = await readSmall(join(folder, fileName), MAX_CLONE_SUMS_BYTES);
  const sums = parseCloneSums(text?.toString('utf8') ?? '');
  const files = filesOf(disk, names).map((name) => ({ name, path: join(folder, name), sum: sums.get(name) ?? '' }));
  return {
    files: files.filter(({ sum }) => sum !== ''),
    hash,
    fileName,
    notChecked: files.filter(({ sum }) => sum === '').map(({ name }) => notChecked(name)),
  };
}

/**
 * Reads what a disk was put together from once more.
 * @throws EngineError `FORMAT_INVALID` with the file's name
 */
export async function verifyCloneSums({ files, hash, fileName }: CloneSumsIn, context: JobContext): Promise<void> {
  if (files.length === 0) return;
  const lengths = await Promise.all(files.map(async ({ path }) => (await stat(path)).size));
  context.phase(
    'inspecting',
    lengths.reduce((sum, length) => sum + length, 0),
  );
  for (const { name, path, sum } of files) {
    if ((await hashOfFile(path, hash, context)) !== sum)
      throw new EngineError('FORMAT_INVALID', { path, field: `${fileName}: ${name}`, value: sum });
  }
}

async function hashOfFile(path: string, hash: string, context: JobContext): Promise<string> {
  const source = await openFileSource(path);
  try {
    return await hashOfPart(hash, source, 0, source.lengthBytes, context);
  } finally {
    await source.close();
  }
}

/** The disk's own tables, its images, and what tells of its volumes. */
function filesOf({ device, partitions, swaps, members }: ClonedDisk, names: readonly string[]): string[] {
  const volumes = members.flatMap(({ group }) => group.volumes);
  const images = [...partitions, ...volumes.flatMap(({ piece }) => piece ?? [])].flatMap(({ files }) => files);
  const texts = [
    ...[`${device}-pt.sf`, `${device}-pt.parted`, `${device}-mbr`, `${device}-hidden-data-after-mbr`],
    ...[`${device}-gpt-1st`, `${device}-gpt-2nd`, 'parts', 'disk'],
    ...swaps.map((swap) => `swappt-${swap.device}.info`),
    ...(members.length > 0 ? ['lvm_vg_dev.list', 'lvm_logv.list'] : []),
    ...members.map(({ group }) => `lvm_${group.name}.conf`),
  ];
  return [...new Set([...texts.filter((name) => names.includes(name)), ...images])];
}
