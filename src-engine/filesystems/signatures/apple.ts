/**
 * HFS and HFS+: names and numbers. Apple, "Inside Macintosh: Files", chapter 2 (master directory blocks); Technical Note
 * TN1150 (volume header, catalog). The UUID is the one that Apple's systems and libblkid make of the number that the Finder keeps.
 */
import { createHash } from 'node:crypto';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { uuidText } from '../uuid.ts';
import { KIB, type Said } from './signature.ts';
import { wideText } from './udf.ts';

const SECTOR_BYTES = 512;
const NODE_HEADER_BYTES = 14;
const MAX_NODE_BYTES = 32 * KIB;
const LEAF = 0xff;
const PARENT_OF_ROOT = 1;

/** Where allocation blocks have a size, and no HFS+ is wrapped in it. */
export function isHfs(head: Buffer): boolean {
  const block = head.readUInt32BE(KIB + 20);
  return block > 0 && block % SECTOR_BYTES === 0 && head[KIB + 36] <= 27 && !isWrapper(head);
}

/** An HFS volume around an HFS+ volume, for systems that know no other. */
export function isWrapper(head: Buffer): boolean {
  return ['H+', 'HX'].includes(head.toString('latin1', KIB + 124, KIB + 126));
}

export function hfsSaid(head: Buffer): Said {
  const label = head.toString('latin1', KIB + 37, KIB + 37 + Math.min(head[KIB + 36], 27)).trim();
  return { label, uuid: finderUuid(head.subarray(KIB + 116, KIB + 124)) };
}

/** A UUID of version 3 in a name space of Apple's own; '' where there is no number. */
function finderUuid(number: Buffer): string {
  if (number.every((byte) => byte === 0)) return '';
  const nameSpace = Buffer.from('b3e20f39f29211d697a400306543ecac', 'hex');
  const hash = createHash('md5').update(nameSpace).update(number).digest();
  hash[6] = 0x30 | (hash[6] & 0x0f);
  hash[8] = 0x80 | (hash[8] & 0x3f);
  return uuidText(hash);
}

/**
 * The name of an HFS+ volume is that of its root folder, which the first leaf of its catalog begins with.
 * @throws EngineError `READ_FAILED`
 */
export async function hfsPlusSaid(source: BlockSource, head: Buffer): Promise<Said> {
  const startBytes = isWrapper(head) && head.toString('latin1', KIB, KIB + 2) === 'BD' ? wrappedAt(head) : 0;
  const header = await piece(source, startBytes + KIB, SECTOR_BYTES);
  if (!header || !['H+', 'HX'].includes(header.toString('latin1', 0, 2))) return {};
  const uuid = finderUuid(header.subarray(104, 112));
  const blockBytes = header.readUInt32BE(40);
  if (blockBytes < SECTOR_BYTES) return { uuid };
  const extents = Array.from({ length: 8 }, (_, i) => ({
    block: header.readUInt32BE(288 + i * 8),
    blocks: header.readUInt32BE(292 + i * 8),
  }));
  const tree = await piece(source, startBytes + extents[0].block * blockBytes, SECTOR_BYTES);
  if (!tree) return { uuid };
  const nodeBytes = tree.readUInt16BE(NODE_HEADER_BYTES + 18);
  if (nodeBytes < SECTOR_BYTES || nodeBytes > MAX_NODE_BYTES) return { uuid };
  let offsetBytes = tree.readUInt32BE(NODE_HEADER_BYTES + 10) * nodeBytes;
  for (const { block, blocks } of extents) {
    if (offsetBytes < blocks * blockBytes) {
      const leaf = await piece(source, startBytes + block * blockBytes + offsetBytes, nodeBytes);
      return { uuid, label: leaf ? rootName(leaf) : '' };
    }
    offsetBytes -= blocks * blockBytes;
  }
  return { uuid };
}

function wrappedAt(head: Buffer): number {
  return head.readUInt16BE(KIB + 28) * SECTOR_BYTES + head.readUInt16BE(KIB + 126) * head.readUInt32BE(KIB + 20);
}

function rootName(leaf: Buffer): string {
  const key = leaf.subarray(NODE_HEADER_BYTES);
  if (leaf[8] !== LEAF || leaf.readUInt16BE(10) === 0 || key.readUInt32BE(2) !== PARENT_OF_ROOT) return '';
  const units = key.readUInt16BE(6);
  return units > 255 || 8 + units * 2 > key.length ? '' : wideText(key.subarray(8, 8 + units * 2)).trim();
}

async function piece(source: BlockSource, startBytes: number, lengthBytes: number): Promise<Buffer | null> {
  return startBytes + lengthBytes > source.lengthBytes ? null : readBytes(source, startBytes, lengthBytes);
}
