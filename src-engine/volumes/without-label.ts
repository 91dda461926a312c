/** A member of a group as those see it who do not know its label: zeros stand for it. */
import type { BlockSource, Extent } from '../disk/block-source.port.ts';

/** @param label what is hidden; closing the source leaves `source` open */
export function withoutLabel(source: BlockSource, label: readonly Extent[]): BlockSource {
  return {
    lengthBytes: source.lengthBytes,
    sectorBytes: source.sectorBytes,
    physicalSectorBytes: source.physicalSectorBytes,
    async readInto(offsetBytes, into) {
      await source.readInto(offsetBytes, into);
      for (const { startBytes, lengthBytes } of label) {
        const from = Math.max(startBytes - offsetBytes, 0);
        const to = Math.min(startBytes + lengthBytes - offsetBytes, into.length);
        if (from < to) into.fill(0, from, to);
      }
    },
    async close() {},
  };
}
