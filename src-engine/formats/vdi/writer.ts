/** Writes dynamic VDI images: header, block map, and blocks of 1 MiB in the order in which they came. See FORMAT.md. */
import { randomBytes } from 'node:crypto';
import { blockWriter } from '../block-writer.ts';
import type { CreateImage, LengthRule } from '../image-writer.port.ts';
import { roundedLength } from '../length-rule.ts';
import { TableWriter } from '../table-writer.ts';
import { HEADER_BYTES, SIGNATURE, TYPE, vdiHeader, VERSION_1_1 } from './struct.ts';

const BLOCK_BYTES = 1024 * 1024;
const MAP_OFFSET = 1024 * 1024;

const mapBytes = (lengthBytes: number) => Math.ceil(lengthBytes / BLOCK_BYTES) * 4;
const dataOffset = (lengthBytes: number) => MAP_OFFSET + Math.ceil(mapBytes(lengthBytes) / BLOCK_BYTES) * BLOCK_BYTES;

export const VDI_LENGTH: LengthRule = {
  stepBytes: 512,
  maxBytes: 2 ** 50,
  overheadBytes: (lengthBytes) => dataOffset(lengthBytes),
};

export const createVdi: CreateImage = async (file, wantedBytes) => {
  const lengthBytes = roundedLength('VDI', VDI_LENGTH, wantedBytes);
  const blockCount = Math.ceil(lengthBytes / BLOCK_BYTES);
  const firstBlock = dataOffset(lengthBytes);
  const map = new TableWriter(file, { places: [MAP_OFFSET], entries: blockCount, entryBytes: 4, fill: 0xff });
  let allocatedCount = 0;
  return blockWriter(file, {
    lengthBytes,
    blockBytes: BLOCK_BYTES,
    async place(block) {
      const number = allocatedCount++;
      await map.set(block, (page, at) => page.writeUInt32LE(number, at));
      return firstBlock + number * BLOCK_BYTES;
    },
    async finish() {
      await map.finish();
      await file.setLength(firstBlock + allocatedCount * BLOCK_BYTES);
      await file.sync();
      const header = Buffer.alloc(512);
      vdiHeader.write(header, {
        fileInfo: '<<< Oracle VM VirtualBox Disk Image >>>\n',
        signature: SIGNATURE,
        version: VERSION_1_1,
        headerBytes: HEADER_BYTES,
        type: TYPE.DYNAMIC,
        blocksOffset: MAP_OFFSET,
        dataOffset: firstBlock,
        legacySectorBytes: 512,
        diskBytes: BigInt(lengthBytes),
        blockBytes: BLOCK_BYTES,
        blockCount,
        allocatedCount,
        uuidCreate: randomUuid(),
        uuidModify: randomUuid(),
      });
      await file.write(0, header);
    },
  });
};

/** Version 4, as bytes: VirtualBox refuses disks without one. */
function randomUuid(): Buffer {
  const bytes = randomBytes(16);
  // little-endian: the version is in the upper half of the third group
  bytes[7] = (bytes[7] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes;
}
