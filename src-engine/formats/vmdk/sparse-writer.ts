/** Writes VMDK monolithicSparse: a hosted sparse extent with grain tables in front, twice. See FORMAT.md. */
import { blockWriter } from '../block-writer.ts';
import type { CreateImage, LengthRule, OutputFile } from '../image-writer.port.ts';
import { roundedLength } from '../length-rule.ts';
import { TableWriter } from '../table-writer.ts';
import { HOSTED_FLAG, HOSTED_MAGIC, hostedHeader, NEW_LINES, SECTOR_BYTES } from './struct.ts';
import { DESCRIPTOR_SECTORS, descriptorOf } from './text.ts';

const GRAIN_SECTORS = 128;
const TABLE_ENTRIES = 512;
const TABLE_SECTORS = (TABLE_ENTRIES * 4) / SECTOR_BYTES;
const DESCRIPTOR_AT = 1;

/** All places are in sectors. */
function layoutOf(sectors: number) {
  const tables = Math.ceil(sectors / (GRAIN_SECTORS * TABLE_ENTRIES));
  const directorySectors = Math.ceil((tables * 4) / SECTOR_BYTES);
  const copyBytes = directorySectors + tables * TABLE_SECTORS;
  const copyAt = DESCRIPTOR_AT + DESCRIPTOR_SECTORS;
  const directoryAt = copyAt + copyBytes;
  const grainsAt = Math.ceil((directoryAt + copyBytes) / GRAIN_SECTORS) * GRAIN_SECTORS;
  return { tables, directorySectors, copyAt, directoryAt, grainsAt };
}

/** Places of grains are sectors of 32 bits, so what is full of data ends there. */
export const VMDK_LENGTH: LengthRule = {
  stepBytes: SECTOR_BYTES,
  maxBytes: 2 * 2 ** 40 - 2 ** 30,
  overheadBytes: (lengthBytes) => layoutOf(lengthBytes / SECTOR_BYTES).grainsAt * SECTOR_BYTES,
};

export const createVmdkSparse: CreateImage = async (file, wantedBytes) => {
  const lengthBytes = roundedLength('VMDK', VMDK_LENGTH, wantedBytes);
  const sectors = lengthBytes / SECTOR_BYTES;
  const layout = layoutOf(sectors);
  const firstTables = [layout.copyAt, layout.directoryAt].map((at) => at + layout.directorySectors);
  const tables = new TableWriter(file, {
    places: firstTables.map((at) => at * SECTOR_BYTES),
    entries: layout.tables * TABLE_ENTRIES,
    entryBytes: 4,
    fill: 0,
  });
  let endSector = layout.grainsAt;
  return blockWriter(file, {
    lengthBytes,
    blockBytes: GRAIN_SECTORS * SECTOR_BYTES,
    async place(grain) {
      const at = endSector;
      endSector += GRAIN_SECTORS;
      await tables.set(grain, (page, place) => page.writeUInt32LE(at, place));
      return at * SECTOR_BYTES;
    },
    async finish() {
      await tables.finish();
      await file.setLength(endSector * SECTOR_BYTES);
      await writeDirectory(file, layout.copyAt, layout.tables, firstTables[0]);
      await writeDirectory(file, layout.directoryAt, layout.tables, firstTables[1]);
      await file.write(DESCRIPTOR_AT * SECTOR_BYTES, descriptorOf('monolithicSparse', sectors));
      await file.sync();
      const header = Buffer.alloc(hostedHeader.size);
      hostedHeader.write(header, {
        magicNumber: HOSTED_MAGIC,
        version: 1,
        flags: HOSTED_FLAG.NEW_LINES | HOSTED_FLAG.REDUNDANT_TABLES,
        capacity: BigInt(sectors),
        grainSize: BigInt(GRAIN_SECTORS),
        descriptorOffset: BigInt(DESCRIPTOR_AT),
        descriptorSize: BigInt(DESCRIPTOR_SECTORS),
        numGTEsPerGT: TABLE_ENTRIES,
        rgdOffset: BigInt(layout.copyAt),
        gdOffset: BigInt(layout.directoryAt),
        overHead: BigInt(layout.grainsAt),
        newLines: NEW_LINES,
      });
      await file.write(0, header);
    },
  });
};

/** The tables that a directory names follow each other. */
async function writeDirectory(file: OutputFile, at: number, tables: number, firstTable: number): Promise<void> {
  const bytes = Buffer.alloc(tables * 4);
  for (let i = 0; i < tables; i++) bytes.writeUInt32LE(firstTable + i * TABLE_SECTORS, i * 4);
  await file.write(at * SECTOR_BYTES, bytes);
}
