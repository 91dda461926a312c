/** Machines: an OVA, or an OVF descriptor beside its disks. */
import { basename } from 'node:path';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { readBytes } from '../../disk/read.ts';
import { looksLikeDescriptor, MAX_DESCRIPTOR_BYTES, parseDescriptor } from '../../formats/ova/descriptor.ts';
import { MAX_SUMS_BYTES, parseSums, sumOfFile } from '../../formats/ova/sums.ts';
import type { Choice } from './candidates.ts';
import { hashOfPart, readSibling, type FileAtHand } from './image-place.ts';
import type { Found } from './opened-image.ts';

const HEAD_BYTES = 4096;

export const isDescriptorName = (name: string) => /\.ovf$/i.test(name);

type Ending = Partial<Omit<Found, 'archive' | 'close'>>;

interface Opener {
  keep<S extends { close(): Promise<void> }>(source: S): S;
  /** @param isPacked it may be a packed stream @returns the disk that a file holds */
  open(file: FileAtHand, isPacked: boolean): Promise<Ending>;
}

/**
 * @returns null where the file is no descriptor
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `NOT_FOUND` for a disk's file that is missing
 */
export async function openMachine(file: FileAtHand, choice: Choice, opener: Opener): Promise<Ending | null> {
  const { source, name } = file;
  if (!looksLikeDescriptor(await readBytes(source, 0, Math.min(HEAD_BYTES, source.lengthBytes)))) return null;
  const bytes = await readBytes(source, 0, source.lengthBytes, MAX_DESCRIPTOR_BYTES);
  const descriptor = parseDescriptor(bytes);
  const about = { format: 'ova', name: descriptor.name || name } as const;
  const disks = descriptor.disks.map((disk) => ({ ...disk, name: disk.fileName, lengthBytes: null }));
  const chosen = choice.of(disks, disks);
  if (!chosen)
    return { ...about, entries: disks.map(({ name: entry, lengthBytes }) => ({ name: entry, lengthBytes })) };
  if (!['', 'gzip'].includes(chosen.compression)) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `OVF compression ${chosen.compression.slice(0, 50)}` });
  }
  const disk = opener.keep(await file.openSibling(chosen.fileName));
  const at = { ...file, name: chosen.fileName, source: disk, path: null };
  const ending = await opener.open(at, chosen.compression !== '');
  if (!ending.image) return { ...ending, ...about };
  const { configuration } = descriptor;
  const verify = (context: JobContext) => verifySums({ ...file, name: basename(name) }, at, context);
  return { ...ending, ...about, image: { ...ending.image, configuration, verify } };
}

/** The descriptor and the disk that is taken; other files of the machine are not read. */
async function verifySums(descriptor: FileAtHand, disk: FileAtHand, context: JobContext): Promise<void> {
  const bytes = await readSibling(descriptor, descriptor.name.replace(/\.ovf$/i, '.mf'), MAX_SUMS_BYTES);
  if (!bytes) return;
  const sums = parseSums(bytes.toString('utf8'));
  context.phase('inspecting', descriptor.source.lengthBytes + disk.source.lengthBytes);
  for (const { name, source } of [descriptor, disk]) {
    const told = sumOfFile(sums, name);
    if (!told) {
      context.warn({ code: 'IMAGE_SUMS_NOT_CHECKED', data: { path: name } });
      continue;
    }
    const found = await hashOfPart(told.kind, source, 0, source.lengthBytes, context);
    if (found !== told.sum) throw new EngineError('FORMAT_INVALID', { path: name, field: 'checksum', value: name });
  }
}
