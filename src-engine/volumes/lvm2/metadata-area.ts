/**
 * A metadata area: a header sector and a ring in which every change of the group is written behind the one before. LVM2,
 * lib/format_text/layout.h (mda_header, raw_locn).
 */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { raw, struct, u32le, u64le } from '../../core/struct.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { Patch } from '../layout.port.ts';
import { lvmCrc } from './crc.ts';

const HEADER_BYTES = 512;
const MAGIC = Buffer.from(' LVM2 x[5A%r0N*>', 'latin1');
/** A group of a thousand volumes takes less than a megabyte. */
const MAX_TEXT_BYTES = 8 * 1024 * 1024;
/** RAW_LOCN_IGNORED: this copy is not kept up to date. */
const IGNORED = 1;

const headerStruct = struct(HEADER_BYTES, {
  checksum: u32le(0),
  magic: raw(4, 16),
  version: u32le(20),
  start: u64le(24),
  size: u64le(32),
  textOffset: u64le(40),
  textSize: u64le(48),
  textChecksum: u32le(56),
  flags: u32le(60),
});

/** Where the text of an area lies: from its place to the end of the ring, and on at its beginning. */
interface CommittedText {
  readonly sector: Buffer;
  readonly bytes: Buffer;
  /** on the volume */
  readonly startBytes: number;
  /** of it, before the end of the ring */
  readonly firstBytes: number;
}

/**
 * The text that counts: the last one that was committed.
 * @returns null where there is none (no group yet), or where the copy says that it is not kept up to date
 * @throws EngineError `FORMAT_INVALID` where a checksum or a place is wrong
 */
export async function readMetadataArea(volume: BlockSource, area: Extent): Promise<string | null> {
  const text = await readText(volume, area);
  return text && text.bytes.toString('utf8').replace(/\0[^]*$/, '');
}

async function readText(volume: BlockSource, area: Extent): Promise<CommittedText | null> {
  checkRange('metadata area', area.lengthBytes, 2 * HEADER_BYTES, Number.MAX_SAFE_INTEGER);
  const sector = await readBytes(volume, area.startBytes, HEADER_BYTES);
  const header = headerStruct.read(sector);
  if (!header.magic.equals(MAGIC) || lvmCrc(sector.subarray(4)) !== header.checksum) {
    throw new EngineError('FORMAT_INVALID', { checksum: 'header of the metadata' });
  }
  checkRange('version', header.version, 1, 1);
  checkRange('start', Number(header.start), area.startBytes, area.startBytes);
  const ringEnd = checkRange('size', Number(header.size), 2 * HEADER_BYTES, area.lengthBytes);
  if (header.textOffset === 0n || header.flags & IGNORED) return null;

  const textBytes = checkRange('text', Number(header.textSize), 1, Math.min(MAX_TEXT_BYTES, ringEnd - HEADER_BYTES));
  const offset = checkRange('text', Number(header.textOffset), HEADER_BYTES, ringEnd - 1);
  const firstBytes = Math.min(textBytes, ringEnd - offset);
  const bytes = Buffer.concat([
    await readBytes(volume, area.startBytes + offset, firstBytes),
    await readBytes(volume, area.startBytes + HEADER_BYTES, textBytes - firstBytes),
  ]);
  if (lvmCrc(bytes) !== header.textChecksum) throw new EngineError('FORMAT_INVALID', { checksum: 'metadata' });
  return { sector, bytes, startBytes: area.startBytes + offset, firstBytes };
}

/**
 * Bytes of a volume where the text that counts is another one, of the same length, in the same place.
 * @param change is given the text, zero at its end included @returns none where there is no text
 * @throws EngineError as {@link readMetadataArea}
 */
export async function rewrittenText(
  volume: BlockSource,
  area: Extent,
  change: (text: Buffer) => Buffer,
): Promise<Patch[]> {
  const text = await readText(volume, area);
  if (!text) return [];
  const { sector, startBytes, firstBytes } = text;
  const bytes = change(text.bytes);
  checkRange('text', bytes.length, text.bytes.length, text.bytes.length);
  headerStruct.write(sector, { textChecksum: lvmCrc(bytes) });
  headerStruct.write(sector, { checksum: lvmCrc(sector.subarray(4)) });
  const rest = bytes.subarray(firstBytes);
  return [
    { offsetBytes: area.startBytes, bytes: sector },
    { offsetBytes: startBytes, bytes: bytes.subarray(0, firstBytes) },
    ...(rest.length > 0 ? [{ offsetBytes: area.startBytes + HEADER_BYTES, bytes: rest }] : []),
  ];
}

/**
 * Bytes of a volume where an area holds another text, of any length, and may lie elsewhere. A copy that is not kept up to date stays one.
 * @param from where it lies @param to where it is to lie, as long as it was
 * @throws EngineError as {@link readMetadataArea}; `FORMAT_UNSUPPORTED` where the text has no room
 */
export async function replacedText(volume: BlockSource, from: Extent, to: Extent, text: string): Promise<Patch[]> {
  const sector = await readBytes(volume, from.startBytes, HEADER_BYTES);
  const isKept = (await readText(volume, from)) !== null;
  const start = BigInt(to.startBytes);
  if (!isKept) {
    headerStruct.write(sector, { start });
    headerStruct.write(sector, { checksum: lvmCrc(sector.subarray(4)) });
    return [{ offsetBytes: to.startBytes, bytes: sector }];
  }
  const bytes = committed(text);
  checkRoom(bytes, Number(headerStruct.read(sector).size));
  const textPlace = { textOffset: BigInt(HEADER_BYTES), textSize: BigInt(bytes.length), textChecksum: lvmCrc(bytes) };
  headerStruct.write(sector, { start, ...textPlace });
  headerStruct.write(sector, { checksum: lvmCrc(sector.subarray(4)) });
  return [{ offsetBytes: to.startBytes, bytes: Buffer.concat([sector, bytes]) }];
}

/** LVM2 counts the zero at its end as text. */
const committed = (text: string): Buffer => Buffer.from(`${text}\0`, 'utf8');

function checkRoom(bytes: Buffer, areaBytes: number): void {
  if (HEADER_BYTES + bytes.length <= areaBytes) return;
  throw new EngineError('FORMAT_UNSUPPORTED', { feature: `LVM metadata of ${bytes.length} bytes before the extents` });
}

/**
 * Writes an area with one text that is committed.
 * @param into the area, from its first byte to its last @param startBytes of the area on the volume
 * @throws EngineError `FORMAT_UNSUPPORTED` where the text has no room
 */
export function writeMetadataArea(into: Buffer, startBytes: number, text: string): void {
  const bytes = committed(text);
  checkRoom(bytes, into.length);
  bytes.copy(into, HEADER_BYTES);
  const sector = into.subarray(0, HEADER_BYTES);
  headerStruct.write(sector, {
    magic: MAGIC,
    version: 1,
    start: BigInt(startBytes),
    size: BigInt(into.length),
    textOffset: BigInt(HEADER_BYTES),
    textSize: BigInt(bytes.length),
    textChecksum: lvmCrc(bytes),
  });
  headerStruct.write(sector, { checksum: lvmCrc(sector.subarray(4)) });
}
