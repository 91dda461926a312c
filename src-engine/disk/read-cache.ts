/** Small reads of a slow source, served from pages that were read whole: for parsers that jump about in metadata. */
import { checkSpan } from '../core/bounds.ts';
import type { BlockSource } from './block-source.port.ts';

const PAGE_BYTES = 64 * 1024;

/**
 * Reads longer than a page go to `source` directly. Pages that are asked for at once are read once.
 * @param capBytes the most that is kept; the pages that were not used longest make room
 * @returns a source like `source`; closing it leaves `source` open
 */
export function readCache(source: BlockSource, capBytes = 16 * 1024 * 1024): BlockSource {
  // a Map keeps the order of insertion: the first page is the one that was not used longest
  const pages = new Map<number, Promise<Buffer>>();

  function page(number: number): Promise<Buffer> {
    let bytes = pages.get(number);
    if (bytes) pages.delete(number);
    else {
      bytes = load(number);
      // what could not be read is asked for again
      bytes.catch(() => pages.delete(number));
    }
    pages.set(number, bytes);
    if (pages.size * PAGE_BYTES > capBytes) pages.delete(pages.keys().next().value!);
    return bytes;
  }

  async function load(number: number): Promise<Buffer> {
    const startBytes = number * PAGE_BYTES;
    const into = Buffer.allocUnsafeSlow(Math.min(PAGE_BYTES, source.lengthBytes - startBytes));
    await source.readInto(startBytes, into);
    return into;
  }

  return {
    lengthBytes: source.lengthBytes,
    sectorBytes: source.sectorBytes,
    physicalSectorBytes: source.physicalSectorBytes,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, source.lengthBytes);
      if (into.length > PAGE_BYTES) return source.readInto(offsetBytes, into);
      for (let done = 0; done < into.length;) {
        const at = offsetBytes + done;
        const from = at % PAGE_BYTES;
        const piece = (await page(Math.floor(at / PAGE_BYTES))).subarray(from, from + into.length - done);
        into.set(piece, done);
        done += piece.length;
      }
    },
    ...(source.dataRuns && { dataRuns: source.dataRuns.bind(source) }),
    async close() {
      pages.clear();
    },
  };
}
