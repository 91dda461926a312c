/** Writes dynamic VHDX images with an empty log. See FORMAT.md. */
import { randomUUID } from 'node:crypto';
import { blockWriter } from '../block-writer.ts';
import type { CreateImage, ImageOptions, LengthRule } from '../image-writer.port.ts';
import { roundedLength } from '../length-rule.ts';
import { TableWriter } from '../table-writer.ts';
import {
  BLOCK_STATE,
  FILE_SIGNATURE,
  fileIdentifier,
  fileParameters,
  HEADER_OFFSETS,
  ITEM,
  METADATA_IS_REQUIRED,
  METADATA_IS_VIRTUAL_DISK,
  METADATA_TABLE_BYTES,
  metadataEntry,
  metadataTable,
  MIB,
  NO_GUID,
  REGION,
  REGION_TABLE_BYTES,
  REGION_TABLE_OFFSETS,
  regionEntry,
  regionTable,
  SECTORS_PER_BITMAP,
  vhdxChecksum,
  vhdxHeader,
} from './struct.ts';

const TIB = 2 ** 40;
/** Small blocks leave the fewest zeros in the file; on large disks, their table would get long. */
const blockBytesOf = (lengthBytes: number) => (lengthBytes <= 4 * TIB ? 2 * MIB : 32 * MIB);
const LOG_AT = MIB;
const LOG_BYTES = MIB;
const METADATA_AT = 2 * MIB;
const METADATA_BYTES = MIB;
const BAT_AT = 3 * MIB;

function batOf(lengthBytes: number, sectorBytes: number) {
  const blockBytes = blockBytesOf(lengthBytes);
  const chunkRatio = (SECTORS_PER_BITMAP * sectorBytes) / blockBytes;
  const blocks = Math.ceil(lengthBytes / blockBytes);
  // of dynamic disks, the last entry is that of the last block
  const entries = blocks + Math.floor(Math.max(0, blocks - 1) / chunkRatio);
  return { blockBytes, chunkRatio, entries, batBytes: Math.max(MIB, Math.ceil((entries * 8) / MIB) * MIB) };
}

/** @param sectorBytes the disk has whole sectors */
export const vhdxLength = (sectorBytes: number): LengthRule => ({
  stepBytes: sectorBytes,
  maxBytes: 64 * TIB,
  overheadBytes: (lengthBytes) => BAT_AT + batOf(lengthBytes, sectorBytes).batBytes,
});

export const createVhdx: CreateImage = async (file, wantedBytes, options) => {
  const { sectorBytes } = options;
  const lengthBytes = roundedLength('VHDX', vhdxLength(sectorBytes), wantedBytes);
  const { blockBytes, chunkRatio, entries, batBytes } = batOf(lengthBytes, sectorBytes);
  const bat = new TableWriter(file, { places: [BAT_AT], entries, entryBytes: 8, fill: 0 });
  let endBytes = BAT_AT + batBytes;
  return blockWriter(file, {
    lengthBytes,
    blockBytes,
    async place(block) {
      const at = endBytes;
      endBytes += blockBytes;
      const entry = BigInt(at) | BigInt(BLOCK_STATE.FULLY_PRESENT);
      await bat.set(block + Math.floor(block / chunkRatio), (page, place) => page.writeBigUInt64LE(entry, place));
      return at;
    },
    async finish() {
      await bat.finish();
      await file.setLength(endBytes);
      await file.write(METADATA_AT, metadataOf(lengthBytes, blockBytes, options));
      const regions = regionsOf(batBytes);
      for (const at of REGION_TABLE_OFFSETS) await file.write(at, regions);
      const ids = { fileWriteGuid: newGuid(), dataWriteGuid: newGuid() };
      await file.write(HEADER_OFFSETS[0], headerOf({ ...ids, sequenceNumber: 1n }));
      await file.write(HEADER_OFFSETS[1], headerOf({ ...ids, sequenceNumber: 2n }));
      await file.sync();
      const identifier = Buffer.alloc(fileIdentifier.size);
      fileIdentifier.write(identifier, { signature: FILE_SIGNATURE, creator: 'Diskpress' });
      await file.write(0, identifier);
    },
  });
};

function headerOf(own: { fileWriteGuid: string; dataWriteGuid: string; sequenceNumber: bigint }): Buffer {
  const bytes = Buffer.alloc(vhdxHeader.size);
  vhdxHeader.write(bytes, {
    ...own,
    signature: 'head',
    logGuid: NO_GUID,
    version: 1,
    logLength: LOG_BYTES,
    logOffset: BigInt(LOG_AT),
  });
  vhdxHeader.write(bytes, { checksum: vhdxChecksum(bytes) });
  return bytes;
}

function regionsOf(batBytes: number): Buffer {
  const bytes = Buffer.alloc(REGION_TABLE_BYTES);
  const entries = [
    { guid: REGION.BAT, fileOffset: BigInt(BAT_AT), length: batBytes, required: 1 },
    { guid: REGION.METADATA, fileOffset: BigInt(METADATA_AT), length: METADATA_BYTES, required: 1 },
  ];
  regionTable.write(bytes, { signature: 'regi', entryCount: entries.length });
  entries.forEach((entry, i) => regionEntry.write(bytes, entry, regionTable.size + i * regionEntry.size));
  regionTable.write(bytes, { checksum: vhdxChecksum(bytes) });
  return bytes;
}

/** The table, and behind it the items. */
function metadataOf(lengthBytes: number, blockBytes: number, options: ImageOptions): Buffer {
  const parameters = Buffer.alloc(8);
  fileParameters.write(parameters, { blockSize: blockBytes, flags: 0 });
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(lengthBytes));
  const id = Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
  const items: [id: string, value: Buffer, flags: number][] = [
    [ITEM.FILE_PARAMETERS, parameters, METADATA_IS_REQUIRED],
    [ITEM.VIRTUAL_DISK_SIZE, size, METADATA_IS_REQUIRED | METADATA_IS_VIRTUAL_DISK],
    [ITEM.VIRTUAL_DISK_ID, id, METADATA_IS_REQUIRED | METADATA_IS_VIRTUAL_DISK],
    [ITEM.LOGICAL_SECTOR_SIZE, u32(options.sectorBytes), METADATA_IS_REQUIRED | METADATA_IS_VIRTUAL_DISK],
    [ITEM.PHYSICAL_SECTOR_SIZE, u32(options.physicalSectorBytes), METADATA_IS_REQUIRED | METADATA_IS_VIRTUAL_DISK],
  ];
  const bytes = Buffer.alloc(METADATA_TABLE_BYTES + 4096);
  metadataTable.write(bytes, { signature: 'metadata', entryCount: items.length });
  let offset = METADATA_TABLE_BYTES;
  items.forEach(([itemId, value, flags], i) => {
    const entry = { itemId, offset, length: value.length, flags };
    metadataEntry.write(bytes, entry, metadataTable.size + i * metadataEntry.size);
    value.copy(bytes, offset);
    offset += value.length;
  });
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const newGuid = () => randomUUID().toUpperCase();
