/** The footer of a VHD, and the header of those that grow, checked. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { checkInFile } from '../truncated.ts';
import {
  FOOTER_CHECKSUM_AT,
  FOOTER_COOKIE,
  HEADER_CHECKSUM_AT,
  HEADER_COOKIE,
  SECTOR_BYTES,
  TYPE,
  vhdChecksum,
  vhdFooter,
  vhdHeader,
} from './struct.ts';

export type VhdFooter = ReturnType<typeof vhdFooter.read> & { readonly lengthBytes: number };

/** Virtual PC before 2004 wrote footers of 511 bytes. */
const OLD_FOOTER_BYTES = 511;
/** What 32 bits of sectors can address is 2 TB; a fixed disk may be longer. */
const LENGTH_MAX = 2 ** 47;
const BLOCK_BYTES_MAX = 256 * 1024 * 1024;

/** Bytes behind a footer are looked through for so far. */
const BEHIND_BYTES_MAX = 1024 * 1024;

export interface FoundFooter {
  readonly footer: VhdFooter;
  /** where it begins; 0: the copy in front */
  readonly at: number;
}

/**
 * The footer is at the end; disks that grow have a copy at the beginning. Either one will do. A fixed disk's may have bytes behind it
 * that came along later: it is believed where it stands exactly behind the disk that it describes.
 * @param file to look for marks in
 * @returns null where there is none
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`
 */
export async function readFooter(file: BlockSource): Promise<FoundFooter | null> {
  const candidates: { bytes: Buffer; at: number }[] = [];
  for (const at of [0, file.lengthBytes - SECTOR_BYTES, file.lengthBytes - OLD_FOOTER_BYTES]) {
    if (at < 0) continue;
    const bytes = Buffer.alloc(SECTOR_BYTES);
    await file.readInto(at, bytes.subarray(0, Math.min(SECTOR_BYTES, file.lengthBytes - at)));
    // a fixed disk has none in front: there it is the disk's own first sector
    const isPlace = at > 0 || vhdFooter.read(bytes).diskType !== TYPE.FIXED;
    if (isPlace && bytes.toString('latin1', 0, 8) === FOOTER_COOKIE) candidates.push({ bytes, at });
  }
  if (candidates.length === 0) return footerBeforeOthers(file);
  const sound = candidates.find(({ bytes }) => isSound(bytes));
  if (!sound) throw new EngineError('FORMAT_INVALID', { checksum: 'footer' });
  const fields = vhdFooter.read(sound.bytes);
  if (fields.fileFormatVersion >>> 16 !== 1) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `VHD version 0x${fields.fileFormatVersion.toString(16)}` });
  }
  checkRange('diskType', fields.diskType, TYPE.FIXED, TYPE.DIFFERENCING);
  const lengthBytes = checkRange('currentSize', Number(fields.currentSize), 0, LENGTH_MAX);
  return { footer: { ...fields, lengthBytes }, at: sound.at };
}

const isSound = (bytes: Buffer) => vhdChecksum(bytes, FOOTER_CHECKSUM_AT) === bytes.readUInt32BE(FOOTER_CHECKSUM_AT);

async function footerBeforeOthers(file: BlockSource): Promise<FoundFooter | null> {
  const first = Math.max(0, Math.floor((file.lengthBytes - BEHIND_BYTES_MAX) / SECTOR_BYTES) * SECTOR_BYTES);
  const tail = await readBytes(file, first, file.lengthBytes - first);
  for (let i = tail.indexOf(FOOTER_COOKIE); i >= 0; i = tail.indexOf(FOOTER_COOKIE, i + 1)) {
    const bytes = tail.subarray(i, i + SECTOR_BYTES);
    if (bytes.length < SECTOR_BYTES || !isSound(bytes)) continue;
    const fields = vhdFooter.read(bytes);
    const at = first + i;
    if (fields.diskType !== TYPE.FIXED || Number(fields.currentSize) !== at) continue;
    return { footer: { ...fields, lengthBytes: at }, at };
  }
  return null;
}

export type VhdHeader = ReturnType<typeof vhdHeader.read> & { readonly tableAt: number };

/** @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`, `FORMAT_UNSUPPORTED` */
export async function readHeader(file: BlockSource, { dataOffset, lengthBytes }: VhdFooter): Promise<VhdHeader> {
  const at = checkRange('dataOffset', Number(dataOffset), 0, Number.MAX_SAFE_INTEGER);
  checkInFile('dataOffset', file, at, vhdHeader.size);
  const bytes = await readBytes(file, at, vhdHeader.size);
  const fields = vhdHeader.read(bytes);
  if (fields.cookie !== HEADER_COOKIE) throw new EngineError('FORMAT_INVALID', { field: 'cookie of the header' });
  if (vhdChecksum(bytes, HEADER_CHECKSUM_AT) !== fields.checksum)
    throw new EngineError('FORMAT_INVALID', { checksum: 'header' });
  if (fields.headerVersion >>> 16 !== 1) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `VHD header 0x${fields.headerVersion.toString(16)}` });
  }
  const { blockSize, maxTableEntries } = fields;
  checkRange('blockSize', blockSize, SECTOR_BYTES, BLOCK_BYTES_MAX);
  if (!Number.isInteger(Math.log2(blockSize)))
    throw new EngineError('FORMAT_INVALID', { field: 'blockSize', value: String(blockSize) });
  const entries = Math.ceil(lengthBytes / blockSize);
  checkRange('maxTableEntries', maxTableEntries, entries, 2 ** 32);
  const tableAt = checkRange('tableOffset', Number(fields.tableOffset), 0, Number.MAX_SAFE_INTEGER);
  checkInFile('tableOffset', file, tableAt, entries * 4);
  return { ...fields, tableAt };
}
