/**
 * A registry hive ("regf") held whole, so that something can be added to it, after the description by Maxim Suhanov, "Windows registry file
 * format specification": base block, bins, cells. Nothing that is there moves: new cells lie in new bins at the end, and what they replace is
 * marked as free. Transaction logs are not applied: a hive that needs them is refused.
 */
import { checkRange } from '../../../core/bounds.ts';
import { EngineError } from '../../../core/engine-error.ts';
import { struct, text, u32le, u64le } from '../../../core/struct.ts';
import type { FileContent } from '../../../filesystems/file-tree.port.ts';

const BASE_BYTES = 4096;
const PAGE_BYTES = 4096;
const BIN_HEADER_BYTES = 32;
/** Held in memory: the hive SOFTWARE of a system with everything on it has some hundred megabytes. */
export const MAX_EDITED_HIVE_BYTES = 256 * 1024 * 1024;
/** What may be added: a driver takes some kilobytes. */
const MAX_ADDED_BYTES = 512 * 1024;
const MAX_CELL_BYTES = 1024 * 1024;
const SUMMED_BYTES = 508;

const base = struct(512, {
  signature: text(0, 4),
  firstSequence: u32le(4),
  secondSequence: u32le(8),
  writtenAt: u64le(12),
  majorVersion: u32le(20),
  minorVersion: u32le(24),
  fileType: u32le(28),
  fileFormat: u32le(32),
  rootCell: u32le(36),
  binsBytes: u32le(40),
  checksum: u32le(508),
});
const binHeader = struct(BIN_HEADER_BYTES, { signature: text(0, 4), offset: u32le(4), size: u32le(8) });

export class HiveBins {
  readonly #bytes: Buffer;
  readonly #originalBytes: number;
  readonly rootCell: number;
  readonly minorVersion: number;
  #binsBytes: number;
  /** where the next new cell goes, and where its bin ends */
  #next = 0;
  #end = 0;

  private constructor(bytes: Buffer, originalBytes: number) {
    const { rootCell, binsBytes, minorVersion } = base.read(bytes);
    this.#bytes = bytes;
    this.#originalBytes = originalBytes;
    this.#binsBytes = binsBytes;
    this.rootCell = rootCell;
    this.minorVersion = minorVersion;
  }

  /**
   * @returns null for a hive that was not closed: what is newest stands in its logs
   * @throws EngineError `FORMAT_INVALID` for what is none, or is longer than {@link MAX_EDITED_HIVE_BYTES}; `READ_FAILED`
   */
  static async open(content: FileContent): Promise<HiveBins | null> {
    const { lengthBytes } = content;
    checkRange('hive length', lengthBytes, BASE_BYTES + PAGE_BYTES, MAX_EDITED_HIVE_BYTES);
    const bytes = Buffer.alloc(lengthBytes + MAX_ADDED_BYTES);
    await content.readInto(0, bytes.subarray(0, lengthBytes));
    const head = base.read(bytes);
    if (head.signature !== 'regf') throw invalid('hive signature', head.signature);
    if (head.firstSequence !== head.secondSequence || head.checksum !== checksumOf(bytes)) return null;
    checkRange('hive version', head.majorVersion, 1, 1);
    checkRange('hive version', head.minorVersion, 2, 6);
    checkRange('hive type', head.fileType, 0, 0);
    checkRange('hive format', head.fileFormat, 1, 1);
    checkRange('hive bins', head.binsBytes, PAGE_BYTES, lengthBytes - BASE_BYTES);
    // what stands behind the bins is of no meaning: new ones take its place
    bytes.fill(0, BASE_BYTES + head.binsBytes);
    for (let at = 0; at < head.binsBytes;) {
      const bin = binHeader.read(bytes, BASE_BYTES + at);
      if (bin.signature !== 'hbin') throw invalid('bin signature', bin.signature);
      checkRange('bin offset', bin.offset, at, at);
      checkRange('bin size', bin.size, PAGE_BYTES, head.binsBytes - at);
      checkRange('bin size in pages', bin.size / PAGE_BYTES, 1, Number.MAX_SAFE_INTEGER);
      at += bin.size;
    }
    return new HiveBins(bytes, lengthBytes);
  }

  /** The content of a cell that is in use, without its size: what is written into it is in the hive. @throws EngineError `FORMAT_INVALID` */
  cell(offset: number): Buffer {
    checkRange('cell offset', offset, BIN_HEADER_BYTES, this.#binsBytes - 8);
    const at = BASE_BYTES + offset;
    const size = -this.#bytes.readInt32LE(at);
    checkRange('cell size', size, 8, Math.min(MAX_CELL_BYTES, this.#binsBytes - offset));
    return this.#bytes.subarray(at + 4, at + size);
  }

  /** @returns where the new cell is, full of zeros @throws EngineError `FORMAT_INVALID` where too much is added */
  allocate(lengthBytes: number): number {
    const size = roundUp(lengthBytes + 4, 8);
    if (size > this.#end - this.#next) this.#addBin(size);
    const offset = this.#next;
    this.#bytes.writeInt32LE(-size, BASE_BYTES + offset);
    this.#next += size;
    this.#markRest();
    return offset;
  }

  free(offset: number): void {
    const size = this.cell(offset).length + 4;
    this.#bytes.writeInt32LE(size, BASE_BYTES + offset);
  }

  /** The hive as a file, closed at that moment. */
  toBytes(nowMs: number): Buffer {
    const { firstSequence } = base.read(this.#bytes);
    const sequence = (firstSequence + 1) >>> 0;
    const stamped = { firstSequence: sequence, secondSequence: sequence, writtenAt: fileTime(nowMs) };
    base.write(this.#bytes, { ...stamped, binsBytes: this.#binsBytes });
    base.write(this.#bytes, { checksum: checksumOf(this.#bytes) });
    return this.#bytes.subarray(0, Math.max(this.#originalBytes, BASE_BYTES + this.#binsBytes));
  }

  #addBin(cellBytes: number): void {
    const size = roundUp(BIN_HEADER_BYTES + cellBytes, PAGE_BYTES);
    const offset = this.#binsBytes;
    checkRange('added bins', BASE_BYTES + offset + size, 0, this.#bytes.length);
    const at = BASE_BYTES + offset;
    this.#bytes.write('hbin', at, 'latin1');
    binHeader.write(this.#bytes, { offset, size }, at);
    this.#binsBytes += size;
    this.#next = offset + BIN_HEADER_BYTES;
    this.#end = this.#binsBytes;
    this.#markRest();
  }

  #markRest(): void {
    if (this.#next < this.#end) this.#bytes.writeInt32LE(this.#end - this.#next, BASE_BYTES + this.#next);
  }
}

/** Hundreds of nanoseconds since 1601, UTC. */
export const fileTime = (ms: number): bigint => (BigInt(Math.trunc(ms)) + 11_644_473_600_000n) * 10_000n;

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step;

function checksumOf(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < SUMMED_BYTES; at += 4) sum ^= bytes.readInt32LE(at);
  // zero and all ones would look like no sum
  if (sum === -1) return 0xfffffffe;
  return sum === 0 ? 1 : sum >>> 0;
}

const invalid = (field: string, value: string) => new EngineError('FORMAT_INVALID', { field, value });
