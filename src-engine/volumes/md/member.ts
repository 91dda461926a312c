/** What the superblock of a member of an MD array says, whatever its version. */
import type { Extent } from '../../disk/block-source.port.ts';

export type Role = number | 'spare' | 'faulty' | 'journal';

export interface ArrayMember {
  /** of the superblock: 0.90, or 1.x */
  readonly version: 0 | 1;
  /** of the array */
  readonly uuid: string;
  /** as its maker called it, 'host:0'; 'md0' and the like where superblocks have no names */
  readonly name: string;
  /** 'linear', 'multipath', '0', '1', '4', '5', '6', '10' */
  readonly level: string;
  /** place in the array, from 0 */
  readonly role: Role;
  /** devices of the whole array */
  readonly deviceCount: number;
  /** counts changes of the array: a member with fewer than others was left behind */
  readonly events: bigint;
  /** where the array's bytes are on this member */
  readonly data: Extent;
  readonly superblock: Extent;
  /** superblock, bitmap, list of bad blocks, and what stands in front of them; outside {@link data} */
  readonly metadata: readonly Extent[];
  /** every byte of it counts: it is not being rebuilt or reshaped */
  readonly isInStep: boolean;
  /** all members hold the same: the array was stopped in order */
  readonly isClean: boolean;
}

const LEVELS: Record<number, string> = { [-1]: 'linear', [-4]: 'multipath', [-5]: 'faulty' };

/** @param level as superblocks store it, negative for what has no number */
export function levelName(level: number): string {
  return LEVELS[level] ?? String(level);
}

export const MD_MAGIC = 0xa92b4efc;
export const MD_SECTOR_BYTES = 512;

/** The sum of 32-bit words, the carry added in (drivers/md/md.c, calc_sb_csum, calc_sb_1_csum). */
export function sumWords(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 4 <= bytes.length; at += 4) sum += bytes.readUInt32LE(at);
  if (bytes.length % 4 === 2) sum += bytes.readUInt16LE(bytes.length - 2);
  return ((sum % 2 ** 32) + Math.floor(sum / 2 ** 32)) % 2 ** 32;
}
