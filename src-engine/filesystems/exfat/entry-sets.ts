/** Directory entries: exFAT specification, section 6. */
import { checkRange } from '../../core/bounds.ts';
import { readBytes } from '../../disk/read.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import type { ExfatVolume } from './allocation.ts';

export const ENTRY_BYTES = 32;
export const ENTRY = { BITMAP: 0x81, UP_CASE: 0x82, LABEL: 0x83, FILE: 0x85, STREAM: 0xc0, NAME: 0xc1 } as const;

const END_OF_FOLDER = 0x00;
const IN_USE = 0x80;
const SECONDARY = 0x40;
/** A stream extension, and names of 15 letters each. */
const SECONDARIES = { min: 2, max: 18 };

/** Folders must not be larger (section 6). */
const FOLDER_BYTES_MAX = 256 * 1024 * 1024;
const PIECE_BYTES = 64 * 1024;

/** A primary entry with the secondary ones that belong to it. */
export interface EntrySet {
  readonly type: number;
  /** all of them, one after the other */
  readonly bytes: Buffer;
  /** where each of them stands in the volume */
  readonly places: readonly number[];
  /** false for the set of a file that is cut off, or whose checksum is wrong */
  readonly isSound: boolean;
}

/**
 * Reads the entries that are in use. Only files have secondary entries that matter; those of other kinds are left out.
 * @param batches where the folder lies
 * @throws EngineError `FORMAT_INVALID` where the folder is too long; `READ_FAILED`
 */
export async function* entrySets(fs: ExfatVolume, batches: AsyncIterable<Extent[]>): AsyncGenerator<EntrySet[]> {
  const collect = collector();
  let left = FOLDER_BYTES_MAX;
  for await (const places of batches) {
    for (const place of places) {
      const end = place.startBytes + place.lengthBytes;
      for (let startBytes = place.startBytes; startBytes < end; startBytes += PIECE_BYTES) {
        const piece = await readBytes(fs.view, startBytes, Math.min(PIECE_BYTES, end - startBytes));
        left = checkRange('length of a folder', left - piece.length, 0, left);
        const { sets, isLast } = collect(piece, startBytes);
        if (sets.length > 0) yield sets;
        if (isLast) return;
      }
    }
  }
}

/** Puts sets together, also those that begin in one piece and end in the next. */
function collector(): (piece: Buffer, startBytes: number) => { sets: EntrySet[]; isLast: boolean } {
  let entries: Buffer[] = [];
  let places: number[] = [];
  let missing = 0;
  return (piece, startBytes) => {
    const sets: EntrySet[] = [];
    for (let at = 0; at + ENTRY_BYTES <= piece.length; at += ENTRY_BYTES) {
      const type = piece[at];
      const isSecondary = (type & (IN_USE | SECONDARY)) === (IN_USE | SECONDARY);
      if (missing > 0 && !isSecondary) {
        // one that is cut off does not hide what follows
        sets.push({ ...setOf(entries, places), isSound: false });
        missing = 0;
      }
      if (type === END_OF_FOLDER) return { sets, isLast: true };
      if ((type & IN_USE) === 0 || (isSecondary && missing === 0)) continue;
      if (!isSecondary) {
        entries = [];
        places = [];
        const count = piece[at + 1];
        const isFile = type === ENTRY.FILE && count >= SECONDARIES.min && count <= SECONDARIES.max;
        missing = isFile ? count + 1 : 1;
      }
      entries.push(piece.subarray(at, at + ENTRY_BYTES));
      places.push(startBytes + at);
      if (--missing === 0) sets.push(setOf(entries, places));
    }
    return { sets, isLast: false };
  };
}

function setOf(entries: Buffer[], places: number[]): EntrySet {
  const bytes = Buffer.concat(entries);
  const type = bytes[0];
  return { type, bytes, places, isSound: type !== ENTRY.FILE || isFileSound(bytes) };
}

function isFileSound(bytes: Buffer): boolean {
  return bytes.length > ENTRY_BYTES && setChecksum(bytes) === bytes.readUInt16LE(2);
}

/** @param bytes a set; the two bytes of the checksum itself are left out */
export function setChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) {
    if (i !== 2 && i !== 3) sum = (((sum & 1) << 15) + (sum >>> 1) + bytes[i]) & 0xffff;
  }
  return sum;
}
