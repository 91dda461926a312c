/** Writes dynamic VHD images: "Dynamic Hard Disk Image" of the specification. See FORMAT.md. */
import { randomBytes } from 'node:crypto';
import { blockWriter } from '../block-writer.ts';
import type { CreateImage, LengthRule } from '../image-writer.port.ts';
import { roundedLength } from '../length-rule.ts';
import { TableWriter } from '../table-writer.ts';
import { geometryOf } from './geometry.ts';
import {
  FEATURES_RESERVED,
  FILE_FORMAT_VERSION,
  FOOTER_CHECKSUM_AT,
  FOOTER_COOKIE,
  HEADER_CHECKSUM_AT,
  HEADER_COOKIE,
  HEADER_VERSION,
  NOWHERE,
  SECTOR_BYTES,
  TYPE,
  vhdChecksum,
  vhdFooter,
  vhdHeader,
} from './struct.ts';

const BLOCK_BYTES = 2 * 1024 * 1024;
const HEADER_AT = 512;
const TABLE_AT = HEADER_AT + 1024;
/** In front of each block; its data then begins on a page, which the specification leaves free and readers are quicker with. */
const BITMAP_PAGE_BYTES = 4096;
/** 2000-01-01 UTC in seconds of Unix. */
const EPOCH = 946_684_800;

const tableEnd = (lengthBytes: number) =>
  Math.ceil((TABLE_AT + Math.ceil(lengthBytes / BLOCK_BYTES) * 4) / BITMAP_PAGE_BYTES) * BITMAP_PAGE_BYTES;

/** 2040 GiB is what Windows takes, and what sectors of 32 bits address with room for the tables. */
export const VHD_LENGTH: LengthRule = {
  stepBytes: 512,
  maxBytes: 2040 * 2 ** 30,
  overheadBytes: (lengthBytes) =>
    tableEnd(lengthBytes) + Math.ceil(lengthBytes / BLOCK_BYTES) * BITMAP_PAGE_BYTES + SECTOR_BYTES,
};

export const createVhd: CreateImage = async (file, wantedBytes) => {
  const lengthBytes = roundedLength('VHD', VHD_LENGTH, wantedBytes);
  const entries = Math.ceil(lengthBytes / BLOCK_BYTES);
  const table = new TableWriter(file, { places: [TABLE_AT], entries, entryBytes: 4, fill: 0xff });
  const allHere = Buffer.alloc(SECTOR_BYTES, 0xff);
  let endBytes = tableEnd(lengthBytes);
  return blockWriter(file, {
    lengthBytes,
    blockBytes: BLOCK_BYTES,
    async place(block) {
      const dataAt = endBytes + BITMAP_PAGE_BYTES;
      const bitmapAt = dataAt - SECTOR_BYTES;
      await table.set(block, (page, at) => page.writeUInt32BE(bitmapAt / SECTOR_BYTES, at));
      await file.write(bitmapAt, allHere);
      endBytes = dataAt + BLOCK_BYTES;
      return dataAt;
    },
    async finish() {
      await table.finish();
      const footer = footerOf(lengthBytes);
      await file.write(endBytes, footer);
      await file.write(HEADER_AT, headerOf(entries));
      await file.sync();
      await file.write(0, footer);
    },
  });
};

function footerOf(lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(vhdFooter.size);
  const size = BigInt(lengthBytes);
  vhdFooter.write(bytes, {
    cookie: FOOTER_COOKIE,
    features: FEATURES_RESERVED,
    fileFormatVersion: FILE_FORMAT_VERSION,
    dataOffset: BigInt(HEADER_AT),
    timeStamp: Math.floor(Date.now() / 1000) - EPOCH,
    // Programs go by the geometry, and so lose the end of a disk, unless the creator is one whose sizes are known to be meant
    creatorApplication: 'win ',
    creatorVersion: 0x000a0000,
    creatorHostOs: 'Wi2k',
    originalSize: size,
    currentSize: size,
    ...geometryOf(lengthBytes),
    diskType: TYPE.DYNAMIC,
    uniqueId: randomBytes(16),
  });
  bytes.writeUInt32BE(vhdChecksum(bytes, FOOTER_CHECKSUM_AT), FOOTER_CHECKSUM_AT);
  return bytes;
}

function headerOf(maxTableEntries: number): Buffer {
  const bytes = Buffer.alloc(vhdHeader.size);
  vhdHeader.write(bytes, {
    cookie: HEADER_COOKIE,
    dataOffset: NOWHERE,
    tableOffset: BigInt(TABLE_AT),
    headerVersion: HEADER_VERSION,
    maxTableEntries,
    blockSize: BLOCK_BYTES,
  });
  bytes.writeUInt32BE(vhdChecksum(bytes, HEADER_CHECKSUM_AT), HEADER_CHECKSUM_AT);
  return bytes;
}
