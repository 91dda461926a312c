/** Entries of folders: fatgen103, sections "FAT Directory Structure" and "FAT Long Directory Entries". */
import { struct, u16le, u32le, u8 } from '../../core/struct.ts';
import { dosTime } from '../dos-time.ts';
import { decodeWideName } from '../names.ts';
import { oemText } from './oem-text.ts';

export const ENTRY_BYTES = 32;

const layout = struct(ENTRY_BYTES, {
  attributes: u8(11),
  caseBits: u8(12),
  clusterHigh: u16le(20),
  writeTime: u16le(22),
  writeDate: u16le(24),
  clusterLow: u16le(26),
  lengthBytes: u32le(28),
});

const ATTRIBUTE = { VOLUME_ID: 0x08, FOLDER: 0x10 } as const;
const LONG_NAME = 0x0f;
const ATTRIBUTE_MASK = 0x3f;
const LAST_OF_FOLDER = 0x00;
const DELETED = 0xe5;
/** Stands for a first letter that is 0xE5 itself. */
const KANJI_E5 = 0x05;
/** What Windows NT says in byte 12 of names that are lower case and need no long name for it. */
const LOWER = { BASE: 0x08, EXTENSION: 0x10 } as const;

export interface FatEntry {
  readonly name: string;
  /** the name in 8.3, by which it is found too */
  readonly shortName: string;
  readonly isFolder: boolean;
  readonly firstCluster: number;
  readonly lengthBytes: number;
  readonly modifiedMs: number | null;
  /** place of the short entry in what was parsed */
  readonly at: number;
}

/** @param isWide whether the upper half of the first cluster's number means something: in FAT32 alone */
export function parseEntry(bytes: Buffer, at: number, isWide: boolean, longName = ''): FatEntry {
  const e = layout.read(bytes, at);
  const shortName = shortNameOf(bytes.subarray(at, at + 11), e.caseBits);
  return {
    name: longName || shortName,
    shortName,
    isFolder: (e.attributes & ATTRIBUTE.FOLDER) !== 0,
    firstCluster: e.clusterLow + (isWide ? e.clusterHigh * 2 ** 16 : 0),
    lengthBytes: e.lengthBytes,
    // local time of the machine that wrote, which is not kept
    modifiedMs: dosTime(e.writeDate, e.writeTime),
    at,
  };
}

/**
 * Parses a folder piece by piece; a long name may begin in one piece and end in the next. Long names that do not belong to the
 * short entry behind them are left out, as every driver does: they remain of entries that an old system has moved or deleted.
 * @returns a function that gives the entries of the next piece, and whether the folder ends in it
 */
export function entryParser(isWide: boolean): (piece: Buffer) => { entries: FatEntry[]; isLast: boolean } {
  let long: LongName | null = null;
  return (piece) => {
    const entries: FatEntry[] = [];
    for (let at = 0; at + ENTRY_BYTES <= piece.length; at += ENTRY_BYTES) {
      const first = piece[at];
      const attributes = piece[at + 11] & ATTRIBUTE_MASK;
      if (first === LAST_OF_FOLDER) return { entries, isLast: true };
      if (first === DELETED) {
        long = null;
      } else if (attributes === LONG_NAME) {
        long = addPart(long, piece.subarray(at, at + ENTRY_BYTES));
      } else {
        if ((attributes & ATTRIBUTE.VOLUME_ID) === 0) {
          const entry = parseEntry(piece, at, isWide, longNameOf(long, piece.subarray(at, at + 11)));
          if (isName(entry.name)) entries.push(entry);
        }
        long = null;
      }
    }
    return { entries, isLast: false };
  };
}

const isName = (name: string) => name !== '' && name !== '.' && name !== '..';

interface LongName {
  readonly units: Uint16Array;
  readonly checksum: number;
  /** how many parts are still to come; they stand in descending order */
  missing: number;
}

const UNITS_IN_PART = 13;
const PARTS_MAX = 20;
/** Marks the part that stands first, and ends the name. */
const LAST_PART = 0x40;
/** Where the units of a part stand. */
const UNIT_PLACES = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

function addPart(long: LongName | null, part: Buffer): LongName | null {
  const isFirst = (part[0] & LAST_PART) !== 0;
  const number = part[0] & ~LAST_PART;
  const checksum = part[13];
  if (isFirst && number >= 1 && number <= PARTS_MAX) {
    long = { units: new Uint16Array(number * UNITS_IN_PART), checksum, missing: number };
  }
  if (!long || number !== long.missing || checksum !== long.checksum) return null;
  long.missing--;
  UNIT_PLACES.forEach((place, i) => (long.units[long.missing * UNITS_IN_PART + i] = part.readUInt16LE(place)));
  return long;
}

/** @returns '' where there is no whole long name for this short one */
function longNameOf(long: LongName | null, shortBytes: Buffer): string {
  if (!long || long.missing > 0 || long.checksum !== shortNameChecksum(shortBytes)) return '';
  const end = long.units.indexOf(0);
  const name = decodeWideName(end < 0 ? long.units : long.units.subarray(0, end));
  return isName(name) ? name : '';
}

/** The eleven bytes of a short name, rotated and summed. */
export function shortNameChecksum(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => (((sum & 1) << 7) + (sum >>> 1) + byte) & 0xff, 0);
}

function shortNameOf(bytes: Buffer, caseBits: number): string {
  const stored = Buffer.from(bytes);
  if (stored[0] === KANJI_E5) stored[0] = 0xe5;
  const part = (from: number, to: number, lower: number) => {
    const text = oemText(stored.subarray(from, to)).replace(/ +$/, '');
    return caseBits & lower ? text.toLowerCase() : text;
  };
  const base = part(0, 8, LOWER.BASE);
  const extension = part(8, 11, LOWER.EXTENSION);
  return extension === '' ? base : `${base}.${extension}`;
}
