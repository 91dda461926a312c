/**
 * Well-known things whose free space cannot be told yet: they are captured whole, under their name. The file systems that can be
 * read here (ext, FAT, swap) are told by their own readers, not here.
 */
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import { namedBeyondHead, signaturesBeyondHead } from './signatures/beyond-head.ts';
import { HEAD_BYTES, headSignatures } from './signatures/head.ts';
import { poolSignature } from './signatures/pool.ts';
import type { Signature } from './signatures/signature.ts';
import { readTail, tailSignatures } from './signatures/tail.ts';

export type { Signature } from './signatures/signature.ts';

/**
 * All that is there, in libblkid's order of belief: members of RAIDs first, then containers, then file systems. Reads the front,
 * the end and a few places between them, whatever the size.
 * @throws EngineError `READ_FAILED`
 */
export async function signaturesOf(source: BlockSource): Promise<Signature[]> {
  const head = Buffer.alloc(HEAD_BYTES);
  const headBytes = Math.min(HEAD_BYTES, source.lengthBytes);
  (await readBytes(source, 0, headBytes)).copy(head);
  const tail = await readTail(source);
  const found = await tailSignatures(source, tail);
  for (const front of headSignatures(head, source.lengthBytes)) found.push(await namedBeyondHead(source, front, head));
  found.push(...(await signaturesBeyondHead(source, found)));
  const pool = poolSignature(source, head, tail);
  if (pool) found.push(pool);
  // Array.prototype.sort is stable: within a usage the order of belief stays
  return found.sort((a, b) => RANK[a.usage] - RANK[b.usage]);
}

const RANK: Record<Signature['usage'], number> = {
  raid: 0,
  'volume-group': 1,
  crypto: 1,
  other: 1,
  filesystem: 2,
  table: 3,
  'boot-code': 4,
};

/**
 * @returns the name of what `volume` holds, in the form that blkid or the file system's own tools use, or null
 * @throws EngineError `READ_FAILED`
 */
export async function recogniseSignature(volume: BlockSource): Promise<string | null> {
  return (await signaturesOf(volume))[0]?.name ?? null;
}
