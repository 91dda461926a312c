/**
 * What a file system asks of whoever reads it. A program of today may give an old one a feature that its guest's boot loader or kernel
 * does not know: such a volume is sound, and starts no more.
 */
import type { FileSystemKind } from '../contract/disk.contract.ts';
import { struct, u32be, u32le } from '../core/struct.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';

/** Linux, fs/ext4/ext4.h: s_feature_incompat. */
const EXT = { at: 1024, layout: struct(100, { incompatible: u32le(96) }) };
/** Linux, fs/xfs/libxfs/xfs_format.h: sb_features_incompat, and what may only be read without it. */
const XFS = struct(220, { readOnly: u32be(212), incompatible: u32be(216) });

/**
 * @param volume a file system of that kind
 * @returns a bit for each; 0 for kinds whose boot loaders ask for none
 * @throws EngineError `READ_FAILED`
 */
export async function incompatibleFeatures(volume: BlockSource, kind: FileSystemKind): Promise<bigint> {
  if (/^ext[234]$/.test(kind)) {
    return BigInt(EXT.layout.read(await readBytes(volume, EXT.at, EXT.layout.size)).incompatible);
  }
  if (kind === 'xfs') {
    const { incompatible, readOnly } = XFS.read(await readBytes(volume, 0, XFS.size));
    return (BigInt(readOnly) << 32n) | BigInt(incompatible);
  }
  return 0n;
}
