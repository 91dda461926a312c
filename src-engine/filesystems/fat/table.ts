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

/** Sets `isUsed[i]` where entry `i` of a piece is neither free nor marked bad; leaves the others as they are. */
export function markUsed(bits: EntryBits, piece: Buffer, isUsed: Uint8Array): void {
  const bad = BAD[bits];
  for (let i = 0; i < isUsed.length; i++) {
    const entry = entryAt(bits, piece, i);
    if (entry !== 0 && entry !== bad) isUsed[i] = 1;
  }
}

/** What entry 1 says of FAT16 and FAT32: the bits are set while all is well. FAT12 has none. */
export function volumeState(bits: EntryBits, entry1: number): { isClean: boolean; hasErrors: boolean } {
  if (bits === 12) return { isClean: true, hasErrors: false };
  const [clean, noErrors] = bits === 16 ? [0x8000, 0x4000] : [0x08000000, 0x04000000];
  return { isClean: (entry1 & clean) !== 0, hasErrors: (entry1 & noErrors) === 0 };
}
