/** Files and folders: exFAT specification, sections 7.4 (file), 7.6 (stream extension) and 7.7 (name). */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, u16le, u32le, u64le, u8 } from '../../core/struct.ts';
import { dosTime } from '../dos-time.ts';
import { decodeWideName } from '../names.ts';
import type { Allocation } from './allocation.ts';
import type { ExfatGeometry } from './boot-region.ts';
import { ENTRY, ENTRY_BYTES, type EntrySet } from './entry-sets.ts';

const fileLayout = struct(ENTRY_BYTES, {
  FileAttributes: u16le(4),
  LastModifiedTimestamp: u32le(12),
  LastModified10msIncrement: u8(21),
  LastModifiedUtcOffset: u8(23),
});
const streamLayout = struct(ENTRY_BYTES, {
  GeneralSecondaryFlags: u8(1),
  NameLength: u8(3),
  ValidDataLength: u64le(8),
  FirstCluster: u32le(20),
  DataLength: u64le(24),
});
const FOLDER = 0x10;
const NO_FAT_CHAIN = 0x02;
const UNITS_IN_NAME = 15;

export interface ExfatFile {
  /** the name in UTF-16, by which files are compared */
  readonly units: Uint16Array;
  readonly name: string;
  readonly isFolder: boolean;
  readonly modifiedMs: number | null;
  readonly allocation: Allocation;
  /** where the stream extension stands in the volume: it can be read again alone */
  readonly streamAt: number;
  /** nothing but its name is known, as far as it is left */
  readonly isDamaged: boolean;
}

/** @throws EngineError `FORMAT_INVALID` where the parts of the set contradict each other */
export function parseFile(geometry: ExfatGeometry, set: EntrySet): ExfatFile {
  const file = fileLayout.read(set.bytes);
  const stream = set.bytes.subarray(ENTRY_BYTES, 2 * ENTRY_BYTES);
  const units = nameOf(set.bytes.subarray(2 * ENTRY_BYTES), checkRange('NameLength', stream[3], 1, 255));
  const name = decodeWideName(units);
  if (name === '.' || name === '..') throw new EngineError('FORMAT_INVALID', { field: 'FileName', value: name });
  return {
    units,
    name,
    isFolder: (file.FileAttributes & FOLDER) !== 0,
    modifiedMs: timeOf(file.LastModifiedTimestamp, file.LastModified10msIncrement, file.LastModifiedUtcOffset),
    allocation: parseStream(geometry, stream),
    streamAt: set.places[1],
    isDamaged: false,
  };
}

/** @returns a file without content, named by the name entries that there are */
export function damagedFile(set: EntrySet): ExfatFile {
  const found: number[] = [];
  for (let at = ENTRY_BYTES; at < set.bytes.length; at += ENTRY_BYTES) {
    if (set.bytes[at] !== ENTRY.NAME) continue;
    for (let i = 0; i < UNITS_IN_NAME; i++) found.push(set.bytes.readUInt16LE(at + 2 + 2 * i));
  }
  const end = found.indexOf(0);
  const units = Uint16Array.from(end < 0 ? found : found.slice(0, end));
  const name = decodeWideName(units).replaceAll('/', '_');
  return {
    units,
    name: name === '' || name === '.' || name === '..' ? `damaged entry ${set.places[0]}` : name,
    isFolder: false,
    modifiedMs: null,
    allocation: { firstCluster: 0, lengthBytes: 0, validBytes: 0, isContiguous: false },
    streamAt: set.places[0],
    isDamaged: true,
  };
}

/** @throws EngineError `FORMAT_INVALID` where it is no stream extension, or longer than the volume */
export function parseStream(geometry: ExfatGeometry, bytes: Buffer): Allocation {
  checkRange('EntryType', bytes[0], ENTRY.STREAM, ENTRY.STREAM);
  const s = streamLayout.read(bytes);
  const heapBytes = geometry.clusterCount * geometry.clusterBytes;
  const lengthBytes = checkRange('DataLength', Number(s.DataLength), 0, heapBytes);
  return {
    firstCluster: s.FirstCluster,
    lengthBytes,
    validBytes: checkRange('ValidDataLength', Number(s.ValidDataLength), 0, lengthBytes),
    isContiguous: (s.GeneralSecondaryFlags & NO_FAT_CHAIN) !== 0,
  };
}

/** @param entries what follows the stream extension: names first */
function nameOf(entries: Buffer, length: number): Uint16Array {
  const units = new Uint16Array(length);
  for (let i = 0; i < length; i++) {
    const at = Math.floor(i / UNITS_IN_NAME) * ENTRY_BYTES;
    if (entries[at] !== ENTRY.NAME)
      throw new EngineError('FORMAT_INVALID', { field: 'NameLength', value: String(length) });
    units[i] = entries.readUInt16LE(at + 2 + (i % UNITS_IN_NAME) * 2);
  }
  return units;
}

/** Local time with its distance from UTC (sections 7.4.8 to 7.4.10); without one it is taken for UTC. */
function timeOf(timestamp: number, tenMs: number, utcOffset: number): number | null {
  const localMs = dosTime(timestamp >>> 16, timestamp & 0xffff);
  return localMs === null || tenMs > 199 ? null : localMs + tenMs * 10 - quarters(utcOffset) * 15 * 60_000;
}

/** Seven bits with a sign, valid where the eighth is set. */
function quarters(utcOffset: number): number {
  if ((utcOffset & 0x80) === 0) return 0;
  return (utcOffset & 0x7f) - (utcOffset & 0x40 ? 0x80 : 0);
}
