/** What something on a disk says of itself in a superblock, a label or a magic number. */
import type { Extent } from '../../disk/block-source.port.ts';

export interface Signature {
  /** 'md-raid', 'isw_raid_member', 'iso9660'…: as blkid or the thing's own tools call it */
  readonly name: string;
  readonly usage: 'filesystem' | 'raid' | 'volume-group' | 'crypto' | 'table' | 'boot-code' | 'other';
  /** '' where it has none, or none is read here */
  readonly label: string;
  readonly uuid: string;
  /** what it claims from the start of the source; null: all of it */
  readonly lengthBytes: number | null;
  /** where its own superblocks and labels lie as far as known, inside the source */
  readonly marks: readonly Extent[];
}

/** What a superblock says besides what it is. */
export type Said = Partial<Pick<Signature, 'label' | 'uuid' | 'lengthBytes'>>;

export const KIB = 1024;

/** @returns a signature without label and length, its marks cut to the source */
export function signature(
  name: string,
  usage: Signature['usage'],
  marks: readonly Extent[],
  said: Said = {},
): Signature {
  return { name, usage, label: '', uuid: '', lengthBytes: null, ...said, marks };
}
