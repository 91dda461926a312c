/**
 * The hash tree of dm-verity, with the superblock that veritysetup writes in front of it: Linux,
 * Documentation/admin-guide/device-mapper/verity.rst, and cryptsetup's "DMVerity" wiki page.
 */
import { struct, text, u32le, u64le, u16le } from '../../core/struct.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';

const superblockStruct = struct(512, {
  signature: text(0, 8),
  version: u32le(8),
  hashType: u32le(12),
  algorithm: text(32, 32),
  dataBlockBytes: u32le(64),
  hashBlockBytes: u32le(68),
  dataBlocks: u64le(72),
  saltBytes: u16le(80),
});

/** Bytes of a digest; one that is not listed is taken to be long, so that the tree is not cut short. */
const DIGEST_BYTES: Record<string, number> = { md5: 16, sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 };
const MAX_BLOCK_BYTES = 512 * 1024;

/**
 * @param source what a tree may begin at byte 0 of
 * @returns superblock and tree, as long as they say they are; null where there is none
 * @throws EngineError `READ_FAILED`
 */
export async function verityExtent(source: BlockSource): Promise<Extent | null> {
  if (source.lengthBytes < superblockStruct.size) return null;
  const sb = superblockStruct.read(await readBytes(source, 0, superblockStruct.size));
  const { hashBlockBytes, dataBlocks, hashType } = sb;
  if (sb.signature !== 'verity' || sb.version !== 1) return null;
  const isSane = hashBlockBytes >= 512 && hashBlockBytes <= MAX_BLOCK_BYTES && dataBlocks < 2n ** 52n;
  if (!isSane) return { startBytes: 0, lengthBytes: superblockStruct.size };
  const digest = DIGEST_BYTES[sb.algorithm.replace('-', '').toLowerCase()] ?? 64;
  const slot = hashType === 0 ? digest : 2 ** Math.ceil(Math.log2(digest));
  const perBlock = 2 ** Math.floor(Math.log2(hashBlockBytes / slot));
  let blocks = 1;
  for (let left = Number(dataBlocks); left > 1;) {
    left = Math.ceil(left / Math.max(perBlock, 2));
    blocks += left;
  }
  return { startBytes: 0, lengthBytes: Math.min(blocks * hashBlockBytes, source.lengthBytes) };
}
