/** Compares the files of a Clonezilla folder with the checksums that lie beside them. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import type { ClonedDisk } from '../formats/clonezilla/folder.ts';
import { cloneSumsOf, MAX_CLONE_SUMS_BYTES, parseCloneSums } from '../formats/clonezilla/sums.ts';
import { openFileSource } from '../formats/raw/file-source.ts';
import { readSmall } from './image-files.ts';
import { hashOfPart } from './image-place.ts';

/**
 * Reads what a disk was put together from once more. A folder without checksums has nothing to compare with; of one that has some, what they
 * do not tell of is warned of.
 * @throws EngineError `FORMAT_INVALID` with the file's name
 */
export async function verifyCloneSums(folder: string, disk: ClonedDisk, context: JobContext): Promise<void> {
  const names = (await readdir(folder, { withFileTypes: true })).filter((one) => one.isFile()).map(({ name }) => name);
  const told = cloneSumsOf(names);
  if (!told) return;
  const { fileName, hash } = told;
  const notChecked = (path: string) => context.warn({ code: 'IMAGE_SUMS_NOT_CHECKED', data: { path } });
  if (!hash) return notChecked(fileName);
  const text = await readSmall(join(folder, fileName), MAX_CLONE_SUMS_BYTES);
  const sums = parseCloneSums(text?.toString('utf8') ?? '');
  const files = filesOf(disk, names).map((name) => ({ name, path: join(folder, name) }));
  const lengths = await Promise.all(files.map(async ({ path }) => (await stat(path)).size));
  context.phase(
    'inspecting',
    lengths.reduce((sum, length) => sum + length, 0),
  );
  for (const { name, path } of files) {
    const sum = sums.get(name);
    if (sum === undefined) notChecked(name);
    else if ((await hashOfFile(path, hash, context)) !== sum)
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
