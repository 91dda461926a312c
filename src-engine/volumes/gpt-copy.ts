/**
 * One copy of a GUID partition table: a header sector and its array of entries (UEFI specification 2.10, section 5.3). A
 * disk has two of them.
 */
import { crc32 } from 'node:zlib';
import { guid, raw, struct, text, u32le, u64le } from '../core/struct.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import type { Patch } from './layout.port.ts';
import { readableBytes } from './readable.ts';

/** What a header begins with. */
export const SIGNATURE = 'EFI PART';
/** Tables in the field have 128 entries, some 256; more than this is taken for damage. */
const MAX_ENTRIES = 1024;
const MIN_ENTRY_BYTES = 128;
const MAX_ENTRY_BYTES = 4096;

const headerStruct = struct(92, {
  signature: text(0, 8),
  headerBytes: u32le(12),
  headerCrc: u32le(16),
  myLba: u64le(24),
  alternateLba: u64le(32),
  firstUsableLba: u64le(40),
  lastUsableLba: u64le(48),
  diskGuid: guid(56),
  entriesLba: u64le(72),
  entryCount: u32le(80),
  entryBytes: u32le(84),
  entriesCrc: u32le(88),
});

const entryStruct = struct(128, {
  typeGuid: guid(0),
  uniqueGuid: guid(16),
  firstLba: u64le(32),
  lastLba: u64le(40),
  attributes: u64le(48),
  name: raw(56, 72),
});

const UNUSED_TYPE = '00000000-0000-0000-0000-000000000000';
/** Attribute bit 2, "legacy BIOS bootable" (UEFI 2.10, table 5.8). */
const LEGACY_BOOTABLE = 4n;

export interface GptCopy {
  readonly lba: number;
  readonly alternateLba: bigint;
  readonly firstUsableLba: bigint;
  readonly diskGuid: string;
  readonly entriesLba: number;
  readonly entryCount: number;
  readonly entryBytes: number;
  /** the whole sector: what follows the header in it is kept when the table moves */
  readonly headerSector: Buffer;
  /** the array of entries, without padding */
  readonly entries: Buffer;
}

export interface GptEntry {
  readonly number: number;
  readonly typeGuid: string;
  readonly uniqueGuid: string;
  readonly firstLba: bigint;
  readonly lastLba: bigint;
  readonly isBootable: boolean;
  readonly name: string;
}

/**
 * @param lba where the header should be, in sectors of `sectorBytes`
 * @returns the copy, or null unless both checksums, the header's own position, and the place and shape of the array hold
 * @throws EngineError `READ_FAILED`
 */
export async function readGptCopy(source: BlockSource, sectorBytes: number, lba: number): Promise<GptCopy | null> {
  const sectors = Math.floor(source.lengthBytes / sectorBytes);
  if (!Number.isSafeInteger(lba) || lba < 1 || lba >= sectors) return null;
  const headerSector = await readableBytes(source, lba * sectorBytes, sectorBytes);
  if (!headerSector) return null;
  const header = headerStruct.read(headerSector);
  if (header.signature !== SIGNATURE || header.myLba !== BigInt(lba)) return null;
  if (header.headerBytes < headerStruct.size || header.headerBytes > sectorBytes) return null;
  if (headerCrc(headerSector, header.headerBytes) !== header.headerCrc) return null;

  const { entryCount, entryBytes, alternateLba, firstUsableLba, diskGuid } = header;
  if (entryCount < 1 || entryCount > MAX_ENTRIES) return null;
  if (entryBytes < MIN_ENTRY_BYTES || entryBytes > MAX_ENTRY_BYTES || (entryBytes & (entryBytes - 1)) !== 0)
    return null;
  if (header.entriesLba < 2n || header.entriesLba >= BigInt(sectors)) return null;
  const entriesLba = Number(header.entriesLba);
  if (entriesLba + entrySectors({ entryCount, entryBytes }, sectorBytes) > sectors) return null;
  const entries = await readableBytes(source, entriesLba * sectorBytes, entryCount * entryBytes);
  if (!entries || crc32(entries) !== header.entriesCrc) return null;
  return { lba, alternateLba, firstUsableLba, diskGuid, entriesLba, entryCount, entryBytes, headerSector, entries };
}

/** Where the header at `lba` says that the other copy is, if there is a header at all: a hint, whatever its checksum. */
export async function alternateHint(source: BlockSource, sectorBytes: number, lba: number): Promise<number | null> {
  if ((lba + 1) * sectorBytes > source.lengthBytes) return null;
  const bytes = await readableBytes(source, lba * sectorBytes, sectorBytes);
  const header = bytes && headerStruct.read(bytes);
  return header?.signature === SIGNATURE ? Number(header.alternateLba) : null;
}

/** @returns the entries in use, in table order; nothing in them is checked against the disk */
export function gptEntries(copy: GptCopy): GptEntry[] {
  const used: GptEntry[] = [];
  for (let i = 0; i < copy.entryCount; i++) {
    const entry = entryStruct.read(copy.entries, i * copy.entryBytes);
    if (entry.typeGuid === UNUSED_TYPE || entry.lastLba + 1n === entry.firstLba) continue;
    used.push({
      number: i + 1,
      typeGuid: entry.typeGuid,
      uniqueGuid: entry.uniqueGuid,
      firstLba: entry.firstLba,
      lastLba: entry.lastLba,
      isBootable: (entry.attributes & LEGACY_BOOTABLE) !== 0n,
      name: entry.name
        .toString('utf16le')
        .replace(/\0[^]*$/, '')
        .toWellFormed(),
    });
  }
  return used;
}

/** Sectors that the array takes, its padding included. */
export function entrySectors(copy: Pick<GptCopy, 'entryCount' | 'entryBytes'>, sectorBytes: number): number {
  return Math.ceil((copy.entryCount * copy.entryBytes) / sectorBytes);
}

/** The header's sector and the array's sectors. */
export function gptCopyExtents(copy: GptCopy, sectorBytes: number): Extent[] {
  return [
    { startBytes: copy.lba * sectorBytes, lengthBytes: sectorBytes },
    { startBytes: copy.entriesLba * sectorBytes, lengthBytes: entrySectors(copy, sectorBytes) * sectorBytes },
  ];
}

/** Where a copy is to be: positions in sectors. */
export interface GptPlace {
  readonly lba: number;
  readonly alternateLba: number;
  readonly entriesLba: number;
  readonly lastUsableLba: number;
}

/** @returns the header sector of `copy` as it has to be at `place`, with its checksum; everything else stays as it was */
export function movedHeader(copy: GptCopy, place: GptPlace): Buffer {
  const sector = Buffer.from(copy.headerSector);
  const { headerBytes } = headerStruct.read(sector);
  headerStruct.write(sector, {
    myLba: BigInt(place.lba),
    alternateLba: BigInt(place.alternateLba),
    lastUsableLba: BigInt(place.lastUsableLba),
    entriesLba: BigInt(place.entriesLba),
  });
  headerStruct.write(sector, { headerCrc: headerCrc(sector, headerBytes) });
  return sector;
}

/**
 * The table as it has to be on a disk that counts in sectors of another size: array behind the header, every partition where it
 * was. Places are filled in by {@link movedHeader}.
 * @returns null where a partition does not begin and end on such a sector, or the array has no room in front of the first one
 */
export function convertedCopy(copy: GptCopy, fromSectorBytes: number, toSectorBytes: number): GptCopy | null {
  const entries = Buffer.from(copy.entries);
  const entriesLba = 2;
  const arrayEnd = BigInt(entriesLba + entrySectors(copy, toSectorBytes));
  const [from, to] = [BigInt(fromSectorBytes), BigInt(toSectorBytes)];
  for (const { number, firstLba, lastLba } of gptEntries(copy)) {
    const [startBytes, endBytes] = [firstLba * from, (lastLba + 1n) * from];
    if (startBytes % to !== 0n || endBytes % to !== 0n || startBytes / to < arrayEnd) return null;
    const at = (number - 1) * copy.entryBytes;
    entryStruct.write(entries, { firstLba: startBytes / to, lastLba: endBytes / to - 1n }, at);
  }
  const firstUsable = (copy.firstUsableLba * from + to - 1n) / to;
  const firstUsableLba = firstUsable > arrayEnd ? firstUsable : arrayEnd;
  const headerSector = Buffer.alloc(toSectorBytes);
  copy.headerSector.copy(headerSector, 0, 0, headerStruct.size);
  headerStruct.write(headerSector, { headerBytes: headerStruct.size, firstUsableLba, entriesCrc: crc32(entries) });
  return { ...copy, entriesLba, firstUsableLba, headerSector, entries };
}

/**
 * The table with partitions in other places; everything else of their entries stays.
 * @param places by number, in bytes, whole sectors
 */
export function placedCopy(copy: GptCopy, sectorBytes: number, places: ReadonlyMap<number, Extent>): GptCopy {
  const entries = Buffer.from(copy.entries);
  for (const [number, { startBytes, lengthBytes }] of places) {
    const firstLba = BigInt(startBytes / sectorBytes);
    const lastLba = BigInt((startBytes + lengthBytes) / sectorBytes) - 1n;
    entryStruct.write(entries, { firstLba, lastLba }, (number - 1) * copy.entryBytes);
  }
  const headerSector = Buffer.from(copy.headerSector);
  headerStruct.write(headerSector, { entriesCrc: crc32(entries) });
  return { ...copy, headerSector, entries };
}

/**
 * Bytes of a disk where a copy of its table gets other GUIDs; everything else of it stays, places too.
 * @param diskGuid null: it stays @param partitionGuids by number
 */
export function renamedGpt(
  copy: GptCopy,
  sectorBytes: number,
  diskGuid: string | null,
  partitionGuids: ReadonlyMap<number, string>,
): Patch[] {
  const entries = Buffer.from(copy.entries);
  for (const [number, uniqueGuid] of partitionGuids) {
    entryStruct.write(entries, { uniqueGuid }, (number - 1) * copy.entryBytes);
  }
  const header = Buffer.from(copy.headerSector);
  headerStruct.write(header, { entriesCrc: crc32(entries), ...(diskGuid !== null && { diskGuid }) });
  headerStruct.write(header, { headerCrc: headerCrc(header, headerStruct.read(header).headerBytes) });
  return [
    { offsetBytes: copy.lba * sectorBytes, bytes: header },
    { offsetBytes: copy.entriesLba * sectorBytes, bytes: entries },
  ];
}

/** The checksum over the header with its own field as zero. */
function headerCrc(sector: Buffer, headerBytes: number): number {
  const header = Buffer.from(sector.subarray(0, headerBytes));
  headerStruct.write(header, { headerCrc: 0 });
  return crc32(header);
}
