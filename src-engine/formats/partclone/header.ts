/**
 * The header of a partclone image, versions 0001 and 0002, little-endian. Source: partclone, IMAGE_FORMATS.md, sections
 * "Format 0001" and "Format 0002".
 */
import { crc32 } from 'node:zlib';
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { raw, struct, text, u16le, u32le, u64le, u8 } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';

const SIGNATURE = Buffer.from('partclone-image', 'latin1');

const headerV1 = struct(4160, {
  fileSystem: text(15, 15),
  blockBytes: u32le(36),
  deviceBytes: u64le(40),
  blockCount: u64le(48),
  usedBlocks: u64le(56),
});

const headerV2 = struct(110, {
  endianness: u16le(34),
  fileSystem: text(36, 16),
  deviceBytes: u64le(52),
  blockCount: u64le(60),
  usedBlocks: u64le(76),
  blockBytes: u32le(84),
  checksumMode: u16le(96),
  checksumBytes: u16le(98),
  blocksPerChecksum: u32le(100),
  isReseeded: u8(104),
  bitmapMode: u8(105),
  crc: u32le(106),
});

export const bitmapEndV1 = struct(8, { magic: raw(0, 8) });

const BITMAP_BITS = 1;
/** partclone 0.3 writes 0x20; its documentation says 1 */
const CHECKSUM_CRC32 = [0x20, 1];
const LITTLE_ENDIAN = 0xc0de;
/** Caps against lying counts: the bitmap is held in memory. 2^31 blocks of 4 KiB are 8 TiB. */
const MAX_BLOCKS = 2 ** 31;
const MAX_BLOCK_BYTES = 16 * 1024 * 1024;

/** How a run of blocks is protected. `none`: not at all; `unchecked`: by a sum that is not computed here. */
export type ChecksumMode = 'crc32' | 'none' | 'unchecked';

export interface PartcloneHeader {
  readonly version: 1 | 2;
  /** as partclone calls it: 'EXTFS', 'NTFS', 'FAT32'… */
  readonly fileSystem: string;
  readonly deviceBytes: number;
  readonly blockBytes: number;
  readonly blockCount: number;
  readonly usedBlocks: number;
  readonly headerBytes: number;
  readonly checksum: ChecksumMode;
  readonly checksumBytes: number;
  /** 0: blocks follow each other without sums */
  readonly blocksPerChecksum: number;
}

/** partclone's CRC-32: as everybody's, but not inverted at its end. */
export const partcloneCrc = (bytes: Uint8Array) => (crc32(bytes) ^ 0xffffffff) >>> 0;

/**
 * @returns null where `image` is none of partclone's
 * @throws EngineError `FORMAT_INVALID`; `FORMAT_UNSUPPORTED` for another byte order, an unknown version or bitmap
 */
export async function readPartcloneHeader(image: BlockSource): Promise<PartcloneHeader | null> {
  if (image.lengthBytes < headerV2.size) return null;
  const head = await readBytes(image, 0, Math.min(headerV1.size, image.lengthBytes));
  if (!head.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return null;
  const version = head.toString('latin1', 30, 34);
  if (version === '0001') return checked(readV1(head, image.lengthBytes));
  if (version === '0002') return checked(readV2(head));
  throw new EngineError('FORMAT_UNSUPPORTED', { feature: `partclone image version ${version}` });
}

function readV1(head: Buffer, imageBytes: number): PartcloneHeader {
  checkRange('image length', imageBytes, headerV1.size, Number.MAX_SAFE_INTEGER);
  const fields = headerV1.read(head);
  const [deviceBytes, blockCount, usedBlocks] = [fields.deviceBytes, fields.blockCount, fields.usedBlocks].map(Number);
  // partclone on 64-bit machines wrote sums of four bytes as eight for a while: the length of the image tells
  const bodyBytes = imageBytes - headerV1.size - blockCount - 8;
  const checksumBytes = bodyBytes === usedBlocks * (fields.blockBytes + 8) ? 8 : 4;
  return {
    version: 1,
    fileSystem: fields.fileSystem,
    deviceBytes,
    blockBytes: fields.blockBytes,
    blockCount,
    usedBlocks,
    headerBytes: headerV1.size,
    // a sum of each block's first byte alone: it proves nothing
    checksum: 'unchecked',
    checksumBytes,
    blocksPerChecksum: 1,
  };
}

function readV2(head: Buffer): PartcloneHeader {
  const fields = headerV2.read(head);
  if (fields.endianness !== LITTLE_ENDIAN)
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'big-endian partclone image' });
  if (partcloneCrc(head.subarray(0, 106)) !== fields.crc)
    throw new EngineError('FORMAT_INVALID', { field: 'header checksum' });
  if (fields.bitmapMode !== BITMAP_BITS)
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `partclone bitmap mode ${fields.bitmapMode}` });
  checkRange('checksum size', fields.checksumBytes, 0, 64);
  checkRange('blocks per checksum', fields.blocksPerChecksum, 0, 2 ** 20);
  const isChecked =
    CHECKSUM_CRC32.includes(fields.checksumMode) && fields.checksumBytes === 4 && fields.isReseeded !== 0;
  return {
    version: 2,
    fileSystem: fields.fileSystem,
    deviceBytes: Number(fields.deviceBytes),
    blockBytes: fields.blockBytes,
    blockCount: Number(fields.blockCount),
    usedBlocks: Number(fields.usedBlocks),
    headerBytes: headerV2.size,
    checksum: fields.checksumMode === 0 ? 'none' : isChecked ? 'crc32' : 'unchecked',
    checksumBytes: fields.checksumMode === 0 ? 0 : fields.checksumBytes,
    blocksPerChecksum: fields.checksumMode === 0 ? 0 : fields.blocksPerChecksum,
  };
}

function checked(header: PartcloneHeader): PartcloneHeader {
  checkRange('block size', header.blockBytes, 512, MAX_BLOCK_BYTES);
  checkRange('block count', header.blockCount, 1, MAX_BLOCKS);
  checkRange('used blocks', header.usedBlocks, 0, header.blockCount);
  checkRange('device size', header.deviceBytes, 1, Number.MAX_SAFE_INTEGER);
  checkRange('strip', header.blockBytes * Math.max(1, header.blocksPerChecksum), 512, 256 * 1024 * 1024);
  return header;
}
