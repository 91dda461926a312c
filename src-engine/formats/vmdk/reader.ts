/** VMDK disks: descriptors with their extents, sparse files that carry their descriptor, streams. What is read and refused: FORMAT.md. */
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { DiskImage, ImageContext, RecogniseImage } from '../disk-image.port.ts';
import type { ImageMap } from '../image-map.port.ts';
import { mappedImage } from '../mapped-image.ts';
import { checkInFile } from '../truncated.ts';
import { DESCRIPTOR_BYTES_MAX, isDescriptor, parseDescriptor, type VmdkDescriptor } from './descriptor.ts';
import { joinedMap, openExtents, tablesOf } from './extents.ts';
import { readSparseHeader, type SparseHeader } from './sparse-header.ts';
import { sparseMap } from './sparse-map.ts';

/** @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`, `FORMAT_UNSUPPORTED`, `NOT_FOUND` */
export const recogniseVmdk: RecogniseImage = async (file, context) => {
  const start = await readBytes(file, 0, Math.min(512, file.lengthBytes));
  if (isDescriptor(start)) return openDescribed(file, context);
  const header = await readSparseHeader(file);
  return header && openSparse(file, header, context);
};

async function openDescribed(file: BlockSource, context: ImageContext): Promise<DiskImage> {
  const descriptor = parseDescriptor(await readBytes(file, 0, file.lengthBytes, DESCRIPTOR_BYTES_MAX));
  if (descriptor.extents.length === 0) throw new EngineError('FORMAT_INVALID', { field: 'extents', value: '0' });
  const { maps, files, names } = await openExtents(descriptor.extents, context.openSibling);
  try {
    return await withParent(joinedMap(maps), descriptor, names, [file, ...files], context);
  } catch (error) {
    await Promise.all(files.map((extent) => extent.close()));
    throw error;
  }
}

/** A file by itself: its extent is the whole disk. The name that its descriptor gives it may be an old one. */
async function openSparse(file: BlockSource, header: SparseHeader, context: ImageContext): Promise<DiskImage> {
  const map = sparseMap(file, tablesOf(file, 1), header);
  checkInFile('descriptorOffset', file, header.descriptorOffset, header.descriptorBytes);
  const text = await readBytes(file, header.descriptorOffset, header.descriptorBytes);
  if (isDescriptor(text)) return withParent(map, parseDescriptor(text), [], [file], context);
  // every other file of its own carries a description; parts of a split disk have it elsewhere
  if (!header.isPacked) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'one part of a split VMDK by itself' });
  return withParent(
    map,
    { createType: 'streamOptimized', cid: '00000000', parent: null, extents: [] },
    [],
    [file],
    context,
  );
}

async function withParent(
  map: ImageMap,
  descriptor: VmdkDescriptor,
  names: readonly string[],
  files: readonly BlockSource[],
  context: ImageContext,
): Promise<DiskImage> {
  const parent = descriptor.parent && (await openParent(descriptor.parent, context));
  return {
    format: 'vmdk',
    variant: descriptor.createType,
    source: mappedImage({ map, parent: parent?.source ?? null, owned: [...files, ...(parent ? [parent.source] : [])] }),
    identity: descriptor.cid,
    dependsOn: [...names, ...(parent ? [descriptor.parent!.name, ...parent.dependsOn] : [])],
  };
}

/** The parent must be as it was: its content id changes when it is written to. */
async function openParent({ cid, name }: { cid: string; name: string }, context: ImageContext): Promise<DiskImage> {
  const parent = await context.openParent(name, 'vmdk');
  if (parent.format === 'vmdk' && parent.identity === cid) return parent;
  await parent.source.close();
  throw new EngineError('FORMAT_INVALID', { field: 'parentCID', value: cid, path: name });
}
