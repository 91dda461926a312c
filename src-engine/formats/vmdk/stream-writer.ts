/** Writes VMDK streamOptimized, strictly from front to back. "Stream-Optimized Compressed Sparse Extents"; see FORMAT.md. */
import { promisify } from 'node:util';
import { deflate as deflateCallback } from 'node:zlib';
import { EngineError } from '../../core/engine-error.ts';
import { AppendBuffer } from '../append-buffer.ts';
import { ClusterCutter } from '../cluster-cutter.ts';
import type { CreateImage, OutputFile } from '../image-writer.port.ts';
import { InOrder } from '../in-order.ts';
import { roundedLength } from '../length-rule.ts';
import { VMDK_LENGTH } from './sparse-writer.ts';
import {
  COMPRESSION_DEFLATE,
  GD_AT_END,
  grainMarker,
  HOSTED_FLAG,
  HOSTED_MAGIC,
  hostedHeader,
  MARKER,
  metadataMarker,
  NEW_LINES,
  SECTOR_BYTES,
} from './struct.ts';
import { DESCRIPTOR_SECTORS, descriptorOf } from './text.ts';

const deflate = promisify<Buffer, object, Buffer>(deflateCallback);

const GRAIN_SECTORS = 128;
const GRAIN_BYTES = GRAIN_SECTORS * SECTOR_BYTES;
const TABLE_ENTRIES = 512;
const DESCRIPTOR_AT = 1;
const SECTOR_MAX = 2 ** 32 - 1;

interface PackedGrain {
  readonly index: number;
  readonly bytes: Buffer;
}

export const createVmdkStream: CreateImage = async (file, wantedBytes) => {
  const lengthBytes = roundedLength('VMDK', VMDK_LENGTH, wantedBytes);
  const stream = new VmdkStream(file, lengthBytes / SECTOR_BYTES);
  const grains = new InOrder<PackedGrain>((grain) => stream.add(grain));
  const cutter = new ClusterCutter(GRAIN_BYTES, lengthBytes, (index, grain) =>
    grains.add(async () => ({ index, bytes: await deflate(grain, { chunkSize: GRAIN_BYTES }) })),
  );
  await stream.start();
  return {
    lengthBytes,
    write: (offsetBytes, bytes) => cutter.write(offsetBytes, bytes),
    async finish() {
      await cutter.finish();
      await grains.finish();
      await stream.finish();
      await file.sync();
      await file.close();
    },
    async abort() {
      await grains.settle();
      await file.discard();
    },
  };
};

class VmdkStream {
  readonly #out: AppendBuffer;
  readonly #sectors: number;
  readonly #directory: Buffer;
  readonly #table = Buffer.alloc(TABLE_ENTRIES * 4);
  #tableIndex = -1;
  /** the next sector of the file */
  #sector = 0;

  constructor(file: OutputFile, sectors: number) {
    this.#out = new AppendBuffer(file);
    this.#sectors = sectors;
    this.#directory = Buffer.alloc(Math.ceil(sectors / (GRAIN_SECTORS * TABLE_ENTRIES)) * 4);
  }

  async start(): Promise<void> {
    await this.#write(this.#header(GD_AT_END));
    await this.#write(descriptorOf('streamOptimized', this.#sectors));
    await this.#write(Buffer.alloc(GRAIN_BYTES - this.#sector * SECTOR_BYTES));
  }

  async add({ index, bytes }: PackedGrain): Promise<void> {
    const tableIndex = Math.floor(index / TABLE_ENTRIES);
    if (tableIndex !== this.#tableIndex) {
      await this.#writeTable();
      this.#tableIndex = tableIndex;
    }
    this.#table.writeUInt32LE(this.#sector, (index % TABLE_ENTRIES) * 4);
    const marker = Buffer.alloc(grainMarker.size);
    grainMarker.write(marker, { lba: BigInt(index * GRAIN_SECTORS), size: bytes.length });
    await this.#write(Buffer.concat([marker, bytes]));
  }

  async finish(): Promise<void> {
    await this.#writeTable();
    await this.#writeMarker(MARKER.GRAIN_DIRECTORY, Math.ceil(this.#directory.length / SECTOR_BYTES));
    const directoryAt = this.#sector;
    await this.#write(this.#directory);
    await this.#writeMarker(MARKER.FOOTER, 1);
    await this.#write(this.#header(BigInt(directoryAt)));
    await this.#writeMarker(MARKER.END_OF_STREAM, 0);
    await this.#out.flush();
  }

  async #writeTable(): Promise<void> {
    if (this.#tableIndex < 0) return;
    await this.#writeMarker(MARKER.GRAIN_TABLE, this.#table.length / SECTOR_BYTES);
    this.#directory.writeUInt32LE(this.#sector, this.#tableIndex * 4);
    await this.#write(this.#table);
    this.#table.fill(0);
  }

  async #writeMarker(type: number, sectors: number): Promise<void> {
    const bytes = Buffer.alloc(metadataMarker.size);
    metadataMarker.write(bytes, { sectors: BigInt(sectors), type });
    await this.#write(bytes);
  }

  /** Writes whole sectors, padded with zeros. */
  async #write(bytes: Buffer): Promise<void> {
    const padding = -bytes.length & (SECTOR_BYTES - 1);
    await this.#out.write(this.#sector * SECTOR_BYTES, padding ? Buffer.concat([bytes, Buffer.alloc(padding)]) : bytes);
    this.#sector += (bytes.length + padding) / SECTOR_BYTES;
    if (this.#sector > SECTOR_MAX) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'VMDK file over 2048 GiB' });
  }

  #header(gdOffset: bigint): Buffer {
    const bytes = Buffer.alloc(hostedHeader.size);
    hostedHeader.write(bytes, {
      magicNumber: HOSTED_MAGIC,
      version: 3,
      flags: HOSTED_FLAG.NEW_LINES | HOSTED_FLAG.COMPRESSED | HOSTED_FLAG.MARKERS,
      capacity: BigInt(this.#sectors),
      grainSize: BigInt(GRAIN_SECTORS),
      descriptorOffset: BigInt(DESCRIPTOR_AT),
      descriptorSize: BigInt(DESCRIPTOR_SECTORS),
      numGTEsPerGT: TABLE_ENTRIES,
      gdOffset,
      overHead: BigInt(GRAIN_SECTORS),
      newLines: NEW_LINES,
      compressAlgorithm: COMPRESSION_DEFLATE,
    });
    return bytes;
  }
}
