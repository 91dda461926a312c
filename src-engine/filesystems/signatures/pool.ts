/**
 * ZFS has no superblock: a label is an array of uberblocks, 1 KiB to 8 KiB apart, in the second half of its 256 KiB. Two
 * labels stand at the front, two at the end. OpenZFS, "ZFS On-Disk Specification", chapter 1.
 */
import type { BlockSource } from '../../disk/block-source.port.ts';
import { KIB, signature, type Signature } from './signature.ts';
import { cString, pieceOf, type Tail } from './tail.ts';

const LABEL_BYTES = 256 * KIB;
const UBERBLOCKS_AT = 128 * KIB;
const PAIRS_AT = 16 * KIB;
const MAGIC = 0x00bab10cn;
/** At the end of a disk others may have left one: blkid wants four. */
const MIN_AT_END = 4;
const MAX_PAIRS = 200;

export function poolSignature(source: BlockSource, head: Buffer, tail: Tail): Signature | null {
  if (source.lengthBytes < LABEL_BYTES) return null;
  const labels: { startBytes: number; bytes: Buffer }[] = [];
  const first = head.subarray(0, LABEL_BYTES);
  if (uberblocks(first) > 0) labels.push({ startBytes: 0, bytes: first });
  const endBytes = source.lengthBytes - (source.lengthBytes % LABEL_BYTES);
  for (const startBytes of [endBytes - 2 * LABEL_BYTES, endBytes - LABEL_BYTES]) {
    const bytes = startBytes < LABEL_BYTES ? Buffer.alloc(0) : pieceOf(tail, startBytes, LABEL_BYTES);
    if (bytes.length > 0 && uberblocks(bytes) >= MIN_AT_END) labels.push({ startBytes, bytes });
  }
  if (labels.length === 0) return null;
  const marks = labels.map(({ startBytes }) => ({ startBytes, lengthBytes: LABEL_BYTES }));
  const pairs = labels.map(({ bytes }) => labelPairs(bytes)).find(({ uuid }) => uuid !== '');
  return signature('zfs', 'volume-group', marks, pairs ?? {});
}

function uberblocks(label: Buffer): number {
  let count = 0;
  for (let at = UBERBLOCKS_AT; at + 8 <= label.length; at += KIB) {
    if (label.readBigUInt64LE(at) === MAGIC || label.readBigUInt64BE(at) === MAGIC) count++;
  }
  return count;
}

/** Name and number of the pool, from the list of names and values (XDR) in the label. */
function labelPairs(label: Buffer): { label: string; uuid: string } {
  const said = { label: '', uuid: '' };
  const list = label.subarray(PAIRS_AT, UBERBLOCKS_AT);
  let at = 12;
  for (let i = 0; i < MAX_PAIRS && at + 12 <= list.length; i++) {
    const size = list.readUInt32BE(at);
    const nameBytes = list.readUInt32BE(at + 8);
    const valueAt = at + 12 + Math.ceil(nameBytes / 4) * 4;
    if (size < 16 || at + size > list.length || valueAt + 16 > at + size) break;
    const name = list.toString('latin1', at + 12, at + 12 + nameBytes);
    if (name === 'name') {
      const end = Math.min(valueAt + 12 + list.readUInt32BE(valueAt + 8), at + size);
      said.label = cString(list.subarray(valueAt + 12, end));
    }
    if (name === 'pool_guid') said.uuid = String(list.readBigUInt64BE(valueAt + 8));
    at += size;
  }
  return said;
}
