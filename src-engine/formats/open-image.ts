/** From a file to the disk that it holds: every format is asked in turn, and parents are opened the same way. */
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { DiskImage, ImageContext, OpenSibling, RecogniseImage } from './disk-image.port.ts';
import { recogniseQcow2 } from './qcow2/reader.ts';
import { checkSiblingName } from './sibling-name.ts';
import { recogniseVdi } from './vdi/reader.ts';
import { recogniseVhd } from './vhd/reader.ts';
import { recogniseVhdx } from './vhdx/reader.ts';
import { recogniseVmdk } from './vmdk/reader.ts';

/** A fixed VHD looks like a raw disk up to its last sector, so VHD comes last. */
const FORMATS: readonly RecogniseImage[] = [recogniseQcow2, recogniseVmdk, recogniseVdi, recogniseVhdx, recogniseVhd];

/** Nobody keeps longer chains, and each image of one holds a few megabytes of tables. */
const MAX_CHAIN = 64;

/**
 * @param file the opened file; on success the image owns it, otherwise the caller closes it
 * @param name its plain name, so that a chain that leads back to it is noticed
 * @param openSibling opens files of its folder; called with plain names only
 * @returns null where it is none of the formats: a raw image, or no image at all
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `FILE_TRUNCATED`, `NOT_FOUND` where a file beside it is missing, `READ_FAILED`
 */
export function openDiskImage(
  file: BlockSource,
  name: string,
  openSibling: OpenSibling,
  signal: AbortSignal,
): Promise<DiskImage | null> {
  return recognise(file, [name], openSibling, signal);
}

async function recognise(
  file: BlockSource,
  chain: readonly string[],
  openSibling: OpenSibling,
  signal: AbortSignal,
): Promise<DiskImage | null> {
  const context: ImageContext = {
    signal,
    openSibling: async (name) => openSibling(checkSiblingName(name)),
    async openParent(name, isRaw = false) {
      checkSiblingName(name);
      if (chain.includes(name) || chain.length === MAX_CHAIN) {
        throw new EngineError('FORMAT_INVALID', { field: 'chain of parents', value: name, max: MAX_CHAIN });
      }
      signal.throwIfAborted();
      const parent = await openSibling(name);
      try {
        const image = isRaw ? null : await recognise(parent, [...chain, name], openSibling, signal);
        return image ?? { format: 'raw', variant: 'raw', source: parent, identity: null, dependsOn: [] };
      } catch (error) {
        await parent.close();
        throw error;
      }
    },
  };
  for (const format of FORMATS) {
    const image = await format(file, context);
    if (image) return image;
  }
  return null;
}
