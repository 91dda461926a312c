/** Machines: an OVA, or an OVF descriptor beside its disks. */
import { basename } from 'node:path';
import type { Warning } from '../contract/warnings.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import { numberOf, ofDisk, toldOf } from '../core/of-disk.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { composedSource, joinedSource } from '../disk/composed-source.ts';
import { readBytes } from '../disk/read.ts';
import {
  chunkNames,
  looksLikeDescriptor,
  MAX_DESCRIPTOR_BYTES,
  parseDescriptor,
  type DescribedDisk,
  type Descriptor,
  type EmptyDisk,
} from '../formats/ova/descriptor.ts';
import { MAX_SUMS_BYTES, parseSums, sumOfFile, type FileSum } from '../formats/ova/sums.ts';
import type { Candidate, Choice } from './candidates.ts';
import { hashOfPart, missingOf, readSibling, type FileAtHand } from './image-place.ts';
import type { Found, OpenedImage } from './opened-image.ts';

const HEAD_BYTES = 4096;

export const isDescriptorName = (name: string) => /\.ovf$/i.test(name);

type Ending = Partial<Omit<Found, 'archive' | 'image' | 'close'>>;

interface Opener {
  keep<S extends { close(): Promise<void> }>(source: S): S;
  /** @param isPacked it may be a packed stream @returns the disk that a file holds, as the only one of `images` */
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
  const disks = descriptor.disks.map(named);
  const hard = descriptor.all.filter((disk) => !('isOptical' in disk && disk.isOptical)).map(named);
  // a machine of which nothing but empty disks is known is no template
  const own = hard.some(({ disk }) => 'fileName' in disk) ? hard : disks;
  const { isOpen } = choice;
  const chosen = choice.disksOf<Named>(disks, own);
  if (!chosen)
    return { ...about, entries: disks.map(({ name: entry, lengthBytes }) => ({ name: entry, lengthBytes })) };
  if (chosen.length > 1 && chosen.some(({ disk }) => 'fileName' in disk && disk.isDelta)) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'OVF disks on top of others (parentRef)' });
  }
  const endings: Ending[] = [];
  for (const [i, { disk }] of chosen.entries()) {
    const number = numberOf(i, chosen.length);
    const open = () =>
      'fileName' in disk
        ? openDisk(file, disk, i === 0, descriptor, opener)
        : Promise.resolve({ images: [emptyImage(disk, descriptor)] });
    endings.push(await ofDisk(number, open));
  }
  const images = endings.flatMap((ending) => ending.images ?? []);
  const isWhole = images.length === chosen.length;
  const left = isOpen && own === hard ? disks.filter(({ disk }) => disk.isOptical) : [];
  return {
    ...endings[0],
    ...about,
    entries: endings.flatMap(({ entries = [] }) => entries),
    scratchBytes: endings.reduce((sum, { scratchBytes = 0 }) => sum + scratchBytes, 0),
    disks:
      chosen.length > 1
        ? chosen.map(({ name: own, lengthBytes, disk: { bus, address } }) => ({ name: own, lengthBytes, bus, address }))
        : [],
    images: isWhole ? images : [],
    warnings: [
      ...endings.flatMap(({ warnings = [] }, i) => warnings.map((told) => toldOf(numberOf(i, chosen.length), told))),
      ...(left.length > 0
        ? [{ code: 'DISC_LEFT_OUT', data: { names: left.map(({ name: disc }) => disc).join(', ') } } as const]
        : []),
    ],
  };
}

interface Named<D extends DescribedDisk | EmptyDisk = DescribedDisk | EmptyDisk> extends Candidate {
  readonly disk: D;
}

function named<D extends DescribedDisk | EmptyDisk>(disk: D): Named<D> {
  return 'fileName' in disk
    ? { name: disk.fileName, lengthBytes: null, disk }
    : { name: disk.id, lengthBytes: disk.capacityBytes, disk };
}

function emptyImage({ capacityBytes }: EmptyDisk, { configuration }: Descriptor): OpenedImage {
  const source = composedSource([], capacityBytes);
  return { source, medium: 'disk', configuration, warnings: [], files: [], verify: async () => {} };
}

/** @param isFirst the descriptor's own sum is compared with it */
async function openDisk(
  file: FileAtHand,
  chosen: DescribedDisk,
  isFirst: boolean,
  { configuration }: Descriptor,
  opener: Opener,
): Promise<Ending> {
  if (!['', 'gzip'].includes(chosen.compression)) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `OVF compression ${chosen.compression.slice(0, 50)}` });
  }
  const files = await openFiles(file, chosen).catch((error) => {
    throw missingOf(basename(file.name), error);
  });
  const disk = opener.keep(joinedSource(files.map(({ source: part }) => part)));
  const at = { ...file, name: chosen.fileName, source: files.length === 1 ? files[0].source : disk, path: null };
  const ending = await opener.open(at, chosen.compression !== '');
  const descriptor = { ...file, name: basename(file.name) };
  const summed = await sumsOf(descriptor, isFirst ? [descriptor, ...files] : files);
  const notChecked = summed
    .filter(({ sum }) => sum === null)
    .map(({ name: path }): Warning => {
      return { code: 'IMAGE_SUMS_NOT_CHECKED', data: { path } };
    });
  const [image] = ending.images ?? [];
  const told = {
    ...ending,
    warnings: [...notChecked, ...(image ? otherCapacity(chosen, image) : []), ...(ending.warnings ?? [])],
  };
  if (!image) return told;
  const verify = (context: JobContext) => verifySums(summed, context);
  return { ...told, images: [{ ...image, configuration, verify }] };
}

/** Of discs nobody says it, and some programs write what the drive would hold. */
function otherCapacity({ fileName, saidBytes, isOptical }: DescribedDisk, { source }: OpenedImage): Warning[] {
  const { lengthBytes } = source;
  if (isOptical || saidBytes === null || saidBytes === lengthBytes) return [];
  return [{ code: 'CAPACITY_DIFFERS', data: { path: fileName, saidBytes, lengthBytes } }];
}

interface DiskFile {
  readonly name: string;
  readonly source: BlockSource;
}

/**
 * @returns the file of a disk, or the files that it was cut into, in order
 * @throws EngineError `NOT_FOUND` with the name; `FORMAT_INVALID` where a chunk is of another length
 */
async function openFiles(descriptor: FileAtHand, disk: DescribedDisk): Promise<DiskFile[]> {
  const { fileName, writtenName, chunks } = disk;
  const names = (name: string) => (chunks ? chunkNames(name, chunks) : [name]);
  try {
    return await openAll(descriptor, names(fileName), chunks);
  } catch (error) {
    if (writtenName === fileName || toEngineError(error).code !== 'NOT_FOUND') throw error;
    // the name with its escapes may be the file's own; what is missing is told by the name that it should have
    return await openAll(descriptor, names(writtenName), chunks).catch((other) => {
      throw toEngineError(other).code === 'NOT_FOUND' ? error : other;
    });
  }
}

async function openAll(
  { openSibling }: FileAtHand,
  names: readonly string[],
  chunks: DescribedDisk['chunks'],
): Promise<DiskFile[]> {
  const opened: DiskFile[] = [];
  try {
    for (const [i, name] of names.entries()) {
      const source = await openSibling(name);
      opened.push({ name, source });
      if (!chunks) continue;
      const wanted = Math.min(chunks.chunkBytes, chunks.lengthBytes - i * chunks.chunkBytes);
      if (source.lengthBytes !== wanted) {
        const value = String(source.lengthBytes);
        throw new EngineError('FORMAT_INVALID', { path: name, field: 'chunkSize', value, min: wanted, max: wanted });
      }
    }
    return opened;
  } catch (error) {
    await Promise.all(opened.map(({ source }) => source.close()));
    throw error;
  }
}

interface SummedFile extends DiskFile {
  /** null: the manifest has no line for it */
  readonly sum: FileSum | null;
}

/**
 * @param files the descriptor and those of the disk that is taken; other files of the machine are not read
 * @returns none where there is no manifest
 */
async function sumsOf(descriptor: FileAtHand, files: readonly DiskFile[]): Promise<SummedFile[]> {
  const bytes = await readSibling(descriptor, descriptor.name.replace(/\.ovf$/i, '.mf'), MAX_SUMS_BYTES);
  if (!bytes) return [];
  const sums = parseSums(bytes.toString('utf8'));
  return files.map(({ name, source }) => ({ name, source, sum: sumOfFile(sums, name) }));
}

async function verifySums(summed: readonly SummedFile[], context: JobContext): Promise<void> {
  const files = summed.filter(({ sum }) => sum !== null);
  if (files.length === 0) return;
  context.phase(
    'inspecting',
    files.reduce((total, { source }) => total + source.lengthBytes, 0),
  );
  for (const { name, source, sum } of files) {
    const found = await hashOfPart(sum!.kind, source, 0, source.lengthBytes, context);
    if (found !== sum!.sum) throw new EngineError('FORMAT_INVALID', { path: name, field: 'checksum', value: found });
  }
}
