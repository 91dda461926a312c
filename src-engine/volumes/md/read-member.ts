import type { BlockSource } from '../../disk/block-source.port.ts';
import type { ArrayMember } from './member.ts';
import { readSuperblock0 } from './superblock-0.ts';
import { readSuperblock1 } from './superblock-1.ts';

/** @returns what the superblock of any version says; null where there is none @throws as {@link readSuperblock1}, {@link readSuperblock0} */
export const readMember = async (volume: BlockSource): Promise<ArrayMember | null> =>
  (await readSuperblock1(volume)) ?? (await readSuperblock0(volume));
