/** Writing images of blocks that are stored as they are: each gets its place when the first of its data comes. */
import { checkSpan } from '../core/bounds.ts';
import type { ImageWriter, OutputFile } from './image-writer.port.ts';
import { runsOfData } from './zeros.ts';

export interface BlockLayout {
  readonly lengthBytes: number;
  readonly blockBytes: number;
  /**
   * Gives a block its place, and notes it in the format's tables. Called once for each, ascending.
   * @returns where its data begins in the file
   */
  place(block: number): Promise<number>;
  /** Writes headers and what is left of the tables. */
  finish(): Promise<void>;
}

export function blockWriter(file: OutputFile, layout: BlockLayout): ImageWriter {
  const { lengthBytes, blockBytes } = layout;
  let current = -1;
  let currentPlace = 0;

  async function placeOf(block: number): Promise<number> {
    if (block !== current) {
      currentPlace = await layout.place(block);
      current = block;
    }
    return currentPlace;
  }

  return {
    lengthBytes,
    async write(offsetBytes, bytes) {
      checkSpan('write', offsetBytes, bytes.length, lengthBytes);
      // what follows each other in memory and in the file is written in one go
      let from = 0;
      let to = 0;
      let place = 0;
      for (const run of runsOfData(offsetBytes, bytes)) {
        for (let at = run.start; at < run.end;) {
          const block = Math.floor((offsetBytes + at) / blockBytes);
          const inBlock = (offsetBytes + at) % blockBytes;
          const end = Math.min(run.end, at + blockBytes - inBlock);
          const next = (await placeOf(block)) + inBlock;
          if (at !== to || next !== place + to - from) {
            if (to > from) await file.write(place, bytes.subarray(from, to));
            from = at;
            place = next;
          }
          to = at = end;
        }
      }
      if (to > from) await file.write(place, bytes.subarray(from, to));
    },
    async finish() {
      await layout.finish();
      await file.sync();
      await file.close();
    },
    abort: () => file.discard(),
  };
}
