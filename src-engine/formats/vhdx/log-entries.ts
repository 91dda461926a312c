/** Entries of the log of a VHDX, and which of them count: [MS-VHDX] 2.3.1 and 2.3.2. */
import { EngineError } from '../../core/engine-error.ts';
import {
  dataDescriptor,
  LOG_DESCRIPTOR_BYTES,
  LOG_SECTOR_BYTES,
  logDataSector,
  logEntryHeader,
  vhdxChecksum,
  zeroDescriptor,
} from './struct.ts';

/** A change of the file: a page of 4 KiB, or a run of zeros. */
export type LogChange =
  | { readonly kind: 'page'; readonly offsetBytes: number; readonly bytes: Buffer }
  | { readonly kind: 'zeros'; readonly offsetBytes: number; readonly lengthBytes: number };

export interface LogEntry {
  /** where in the log it begins */
  readonly at: number;
  readonly lengthBytes: number;
  /** where the first entry begins that the file needs when this one is the last */
  readonly tail: number;
  readonly sequence: bigint;
  /** the file has this length at least */
  readonly flushedFileBytes: number;
  readonly lastFileBytes: number;
  readonly changes: readonly LogChange[];
}

const OFFSET_MAX = 2n ** 47n;
/** Checksums over so many times the log: entries that claim to be long, at every place, would take forever. */
const CHECKED_LOGS_MAX = 16;

/**
 * Looks for the newest sequence that is whole: entries one behind the other, from the tail that the last of them names.
 * @param log the whole log, which is a ring
 * @param guid of the entries that belong to it
 * @throws EngineError `FORMAT_INVALID` where there is none, or too much to be checked
 */
export function activeSequence(log: Buffer, guid: string): LogEntry[] {
  let budget = CHECKED_LOGS_MAX * log.length;
  const ring = Buffer.concat([log, log]);

  function entryAt(at: number): LogEntry | null {
    const start = at % log.length;
    const header = logEntryHeader.read(ring, start);
    const { entryLength } = header;
    const isEntry =
      header.signature === 'loge' &&
      header.logGuid === guid &&
      header.sequenceNumber > 0n &&
      entryLength >= LOG_SECTOR_BYTES &&
      entryLength <= log.length &&
      entryLength % LOG_SECTOR_BYTES === 0;
    if (!isEntry) return null;
    budget -= entryLength;
    if (budget < 0) throw new EngineError('FORMAT_INVALID', { field: 'log', value: 'overlapping entries' });
    const bytes = ring.subarray(start, start + entryLength);
    return vhdxChecksum(bytes) === header.checksum ? parseEntry(bytes, start, header) : null;
  }

  function sequenceFrom(at: number): LogEntry[] {
    const entries: LogEntry[] = [];
    for (let length = 0; length < log.length;) {
      const entry = entryAt(at + length);
      const last = entries.at(-1);
      if (!entry || length + entry.lengthBytes > log.length || (last && entry.sequence !== last.sequence + 1n)) break;
      entries.push(entry);
      length += entry.lengthBytes;
    }
    return entries;
  }

  let active: LogEntry[] = [];
  for (let at = 0; at < log.length;) {
    const entries = sequenceFrom(at);
    const last = entries.at(-1);
    const first = entries.findIndex((entry) => entry.at === last!.tail);
    if (first >= 0 && (active.length === 0 || last!.sequence > active.at(-1)!.sequence)) active = entries.slice(first);
    at += last ? entries.reduce((sum, entry) => sum + entry.lengthBytes, 0) : LOG_SECTOR_BYTES;
  }
  if (active.length === 0) throw new EngineError('FORMAT_INVALID', { field: 'log', value: 'no whole sequence' });
  return active;
}

/** @returns null where descriptors and sectors do not belong together */
function parseEntry(bytes: Buffer, at: number, header: ReturnType<typeof logEntryHeader.read>): LogEntry | null {
  const { descriptorCount, sequenceNumber } = header;
  const descriptorsEnd = logEntryHeader.size + descriptorCount * LOG_DESCRIPTOR_BYTES;
  let sector = Math.ceil(descriptorsEnd / LOG_SECTOR_BYTES) * LOG_SECTOR_BYTES;
  if (sector > bytes.length) return null;
  const changes: LogChange[] = [];
  for (let i = logEntryHeader.size; i < descriptorsEnd; i += LOG_DESCRIPTOR_BYTES) {
    const zero = zeroDescriptor.read(bytes, i);
    const offset = zero.fileOffset;
    if (zero.sequenceNumber !== sequenceNumber || offset > OFFSET_MAX || offset % 4096n !== 0n) return null;
    const offsetBytes = Number(offset);
    if (zero.signature === 'zero') {
      if (zero.zeroLength > OFFSET_MAX) return null;
      changes.push({ kind: 'zeros', offsetBytes, lengthBytes: Number(zero.zeroLength) });
    } else if (zero.signature === 'desc') {
      if (sector + LOG_SECTOR_BYTES > bytes.length) return null;
      const page = pageOf(bytes, i, sector, sequenceNumber);
      if (!page) return null;
      changes.push({ kind: 'page', offsetBytes, bytes: page });
      sector += LOG_SECTOR_BYTES;
    } else return null;
  }
  if (header.lastFileOffset > OFFSET_MAX || header.flushedFileOffset > OFFSET_MAX) return null;
  return {
    at,
    lengthBytes: bytes.length,
    tail: header.tail,
    sequence: sequenceNumber,
    flushedFileBytes: Number(header.flushedFileOffset),
    lastFileBytes: Number(header.lastFileOffset),
    changes,
  };
}

function pageOf(bytes: Buffer, descriptorAt: number, sectorAt: number, sequence: bigint): Buffer | null {
  const { signature, sequenceHigh, sequenceLow, data } = logDataSector.read(bytes, sectorAt);
  const isSound = signature === 'data' && (BigInt(sequenceHigh) << 32n) + BigInt(sequenceLow) === sequence;
  if (!isSound) return null;
  const { leadingBytes, trailingBytes } = dataDescriptor.read(bytes, descriptorAt);
  return Buffer.concat([leadingBytes, data, trailingBytes]);
}
