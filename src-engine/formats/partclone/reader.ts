/** A partclone image as the volume that it was made of: blocks that it does not hold read as zeros. */
import { checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { BlockMap } from './block-map.ts';
import { partcloneCrc, readPartcloneHeader, type PartcloneHeader } from './header.ts';

/** Runs are told in batches of so many. */
const BATCH_RUNS = 1024;
/** Where blocks have no sums, they are read this many at once. */
const PLAIN_STRIP_BLOCKS = 256;

export interface PartcloneImage {
  readonly header: PartcloneHeader;
  readonly source: BlockSource;
}

/**
 * @param image the image, unpacked
 * @returns null where it is none of partclone's. Its source is closed by closing `image`
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`; reads of damaged blocks throw `FORMAT_INVALID` with `checksum`
 */
export async function openPartclone(image: BlockSource): Promise<PartcloneImage | null> {
  const header = await readPartcloneHeader(image);
  if (!header) return null;
  const map = await BlockMap.read(image, header);
  const { blockBytes, checksumBytes } = header;
  const stripBlocks = header.blocksPerChecksum || PLAIN_STRIP_BLOCKS;
  const stripBytes = stripBlocks * blockBytes + checksumBytes;
  const lengthBytes = Math.max(header.deviceBytes, header.blockCount * blockBytes);
  const wholeBytes =
    map.dataBytes + header.usedBlocks * blockBytes + Math.ceil(header.usedBlocks / stripBlocks) * checksumBytes;
  if (image.lengthBytes < wholeBytes) {
    const missingBytes = wholeBytes - image.lengthBytes;
    throw new EngineError('FORMAT_INVALID', { field: 'length', value: String(image.lengthBytes), missingBytes });
  }

  /** The strip that is read at present: reads go mostly forward. */
  let last: { readonly number: number; readonly bytes: Promise<Buffer> } | null = null;

  function strip(number: number): Promise<Buffer> {
    if (last?.number !== number) {
      last = { number, bytes: readStrip(number) };
      last.bytes.catch(() => (last = null));
    }
    return last.bytes;
  }

  async function readStrip(number: number): Promise<Buffer> {
    const blocks = Math.min(stripBlocks, header!.usedBlocks - number * stripBlocks);
    const bytes = await readBytes(
      image,
      map.dataBytes + number * stripBytes,
      blocks * blockBytes + checksumBytes,
      2 ** 29,
    );
    const content = bytes.subarray(0, blocks * blockBytes);
    if (header!.checksum === 'crc32' && partcloneCrc(content) !== bytes.readUInt32LE(content.length)) {
      throw new EngineError('FORMAT_INVALID', { field: 'block checksum', checksum: 'blocks', value: String(number) });
    }
    return content;
  }

  async function copyUsed(block: number, from: number, into: Uint8Array): Promise<void> {
    for (let at = map.usedBefore(block) * blockBytes + from, done = 0; done < into.length;) {
      const bytes = await strip(Math.floor(at / (stripBlocks * blockBytes)));
      const start = at % (stripBlocks * blockBytes);
      const piece = bytes.subarray(start, start + into.length - done);
      into.set(piece, done);
      done += piece.length;
      at += piece.length;
    }
  }

  const source: BlockSource = {
    lengthBytes,
    sectorBytes: 512,
    physicalSectorBytes: 512,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, lengthBytes);
      for (let done = 0; done < into.length;) {
        const at = offsetBytes + done;
        const block = Math.floor(at / blockBytes);
        const from = at % blockBytes;
        if (block >= header.blockCount) return void into.fill(0, done);
        const endBlock = map.runEnd(block, Math.ceil((offsetBytes + into.length) / blockBytes));
        const piece = into.subarray(done, Math.min(into.length, endBlock * blockBytes - offsetBytes));
        if (map.isUsed(block)) await copyUsed(block, from, piece);
        else piece.fill(0);
        done += piece.length;
      }
    },
    async *dataRuns(startBytes, length, signal) {
      const endBytes = Math.min(startBytes + length, header.blockCount * blockBytes);
      let batch: Extent[] = [];
      for (let at = startBytes; at < endBytes;) {
        const block = Math.floor(at / blockBytes);
        const end = Math.min(endBytes, map.runEnd(block, header.blockCount) * blockBytes);
        if (map.isUsed(block)) batch.push({ startBytes: at, lengthBytes: end - at });
        if (batch.length === BATCH_RUNS) {
          signal.throwIfAborted();
          yield batch;
          batch = [];
        }
        at = end;
      }
      if (batch.length > 0) yield batch;
    },
    async close() {},
  };
  return { header, source };
}
