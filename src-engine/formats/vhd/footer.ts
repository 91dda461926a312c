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

/**
 * The footer is at the end; disks that grow have a copy at the beginning. Either one will do.
 * @returns null where there is none
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`
 */
export async function readFooter(file: BlockSource): Promise<VhdFooter | null> {
  const candidates: Buffer[] = [];
  for (const offset of [0, file.lengthBytes - SECTOR_BYTES, file.lengthBytes - OLD_FOOTER_BYTES]) {
    if (offset < 0) continue;
    const bytes = Buffer.alloc(SECTOR_BYTES);
    await file.readInto(offset, bytes.subarray(0, Math.min(SECTOR_BYTES, file.lengthBytes - offset)));
    if (bytes.toString('latin1', 0, 8) === FOOTER_COOKIE) candidates.push(bytes);
  }
  if (candidates.length === 0) return null;
  const sound = candidates.find((one) => vhdChecksum(one, FOOTER_CHECKSUM_AT) === one.readUInt32BE(FOOTER_CHECKSUM_AT));
  if (!sound) throw new EngineError('FORMAT_INVALID', { checksum: 'footer' });
  const fields = vhdFooter.read(sound);
  if (fields.fileFormatVersion >>> 16 !== 1) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `VHD version 0x${fields.fileFormatVersion.toString(16)}` });
  }
  checkRange('diskType', fields.diskType, TYPE.FIXED, TYPE.DIFFERENCING);
  return { ...fields, lengthBytes: checkRange('currentSize', Number(fields.currentSize), 0, LENGTH_MAX) };
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
