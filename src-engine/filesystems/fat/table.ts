/** Entries of a file allocation table: fatgen103, section "FAT Data Structure". */

export type EntryBits = 12 | 16 | 32;

/** @returns entry `index` of a piece of a table; the upper four bits of a FAT32 entry are not part of it */
export function entryAt(bits: EntryBits, piece: Buffer, index: number): number {
  if (bits === 32) return piece.readUInt32LE(index * 4) & 0x0fffffff;
  if (bits === 16) return piece.readUInt16LE(index * 2);
  const pair = piece.readUInt16LE(index + (index >>> 1));
  return index & 1 ? pair >>> 4 : pair & 0xfff;
}

const BAD = { 12: 0xff7, 16: 0xfff7, 32: 0x0ffffff7 } as const;

/** Neither free nor marked bad. */
export function isUsedEntry(bits: EntryBits, entry: number): boolean {
  return entry !== 0 && entry !== BAD[bits];
}

/** What entry 1 says of FAT16 and FAT32: the bits are set while all is well. FAT12 has none. */
export function volumeState(bits: EntryBits, entry1: number): { isClean: boolean; hasErrors: boolean } {
  if (bits === 12) return { isClean: true, hasErrors: false };
  const [clean, noErrors] = bits === 16 ? [0x8000, 0x4000] : [0x08000000, 0x04000000];
  return { isClean: (entry1 & clean) !== 0, hasErrors: (entry1 & noErrors) === 0 };
}
