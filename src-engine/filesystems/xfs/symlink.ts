/** Where symbolic links point: "XFS Algorithms & Data Structures", "Symbolic Links". */
import { checkRange } from '../../core/bounds.ts';
import { struct, u32be } from '../../core/struct.ts';
import { readBytes } from '../../disk/read.ts';
import { decodePath } from '../names.ts';
import type { XfsVolume } from './addresses.ts';
import { checkBlock } from './checksum.ts';
import { mappings } from './extent-map.ts';
import type { XfsInode } from './inode.ts';
import type { XfsSuperblock } from './superblock.ts';

const MAGIC = 0x58534c4d;
const PLACES = { crcAt: 12, uuidAt: 16, ownerAt: 32, addressAt: 40 };
/** Of version 5, at the beginning of every run of blocks. */
const header = struct(56, { magic: u32be(0), offset: u32be(4), bytes: u32be(8) });

/** The longest path that the kernel takes, its last zero byte included. */
const MAX_BYTES = 1024;

/** Of the longest path, with a header in each block: two of 1 KiB; of 512 bytes, which have none, two as well. */
const maxBlocks = (sb: XfsSuperblock) => Math.ceil((2 * MAX_BYTES) / sb.blockBytes);

/** @throws EngineError `FORMAT_INVALID` */
export async function readSymlink(volume: XfsVolume, inode: XfsInode): Promise<string> {
  const lengthBytes = checkRange('length of a link', inode.lengthBytes, 1, MAX_BYTES);
  if (inode.data.format === 'local') {
    checkRange('length of a link', lengthBytes, 1, inode.data.bytes.length);
    return decodePath(inode.data.bytes.subarray(0, lengthBytes));
  }
  const pieces: Buffer[] = [];
  let found = 0;
  for await (const batch of mappings(volume, inode, inode.data, { to: maxBlocks(volume.sb) })) {
    for (const { startBytes, count } of batch) {
      if (found === lengthBytes) break;
      const piece = await readPiece(volume, inode, startBytes, count, found);
      pieces.push(piece.subarray(0, lengthBytes - found));
      found += pieces[pieces.length - 1].length;
    }
  }
  checkRange('length of a link', lengthBytes, found, found);
  return decodePath(Buffer.concat(pieces));
}

/** @param offset in the path @returns the part of the path that a run of blocks holds */
async function readPiece(
  volume: XfsVolume,
  inode: XfsInode,
  startBytes: number,
  count: number,
  offset: number,
): Promise<Buffer> {
  const { sb, view } = volume;
  checkRange('blocks of a link', count, 1, maxBlocks(sb));
  const bytes = await readBytes(view, startBytes, count * sb.blockBytes);
  if (!sb.features.hasChecksums) return bytes;
  const { magic, ...piece } = header.read(bytes);
  checkRange('sl_magic', magic, MAGIC, MAGIC);
  checkBlock(sb, bytes, 'symlink', PLACES, startBytes, inode.number);
  checkRange('sl_offset', piece.offset, offset, offset);
  checkRange('sl_bytes', piece.bytes, 1, bytes.length - header.size);
  return bytes.subarray(header.size, header.size + piece.bytes);
}
