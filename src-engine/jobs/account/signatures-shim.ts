/** What stands at the start of a volume, with the bytes that it is known by. */
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { recogniseSignature } from '../../filesystems/signatures.ts';

export interface Signature {
  readonly name: string;
  readonly usage: 'filesystem' | 'raid' | 'crypto' | 'other';
  readonly marks: readonly Extent[];
}

const MEMBERS = ['luks', 'bitlocker', 'lvm2', 'md-raid', 'bcache', 'zfs', 'vdo', 'ceph'];

/** @throws EngineError `READ_FAILED` */
export async function signaturesOf(source: BlockSource): Promise<Signature[]> {
  const name = await recogniseSignature(source);
  return name === null ? [] : [{ name, usage: MEMBERS.includes(name) ? 'raid' : 'filesystem', marks: [] }];
}
