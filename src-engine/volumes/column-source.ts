/** What one column of a striped run holds, read out of the volume that it is a part of. */
import { checkSpan } from '../core/bounds.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { MappedRun } from './group.port.ts';

/**
 * @param content of the run: of its length
 * @param column its place among the columns
 * @returns a source of the column's length; closing it leaves `content` open
 */
export function columnSource(
  content: BlockSource,
  { lengthBytes: runBytes, stripeBytes, columns }: Pick<MappedRun, 'lengthBytes' | 'stripeBytes' | 'columns'>,
  column: number,
): BlockSource {
  const lengthBytes = runBytes / columns.length;
  return {
    lengthBytes,
    sectorBytes: content.sectorBytes,
    physicalSectorBytes: content.physicalSectorBytes,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, lengthBytes);
      for (let done = 0; done < into.length;) {
        const at = offsetBytes + done;
        const stripe = Math.floor(at / stripeBytes);
        const inStripe = at % stripeBytes;
        const length = Math.min(stripeBytes - inStripe, into.length - done);
        const from = (stripe * columns.length + column) * stripeBytes + inStripe;
        await content.readInto(from, into.subarray(done, done + length));
        done += length;
      }
    },
    async close() {},
  };
}
