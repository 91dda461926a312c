/** A volume as it will be once its journal has been replayed; nothing is written. */
import { checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { copyChecksum, JOURNAL_MAGIC, type Journal, type JournalCopy } from './journal.ts';

/**
 * @returns `volume` with the newest committed copies of the journal in place of the blocks that they replace
 */
export function replayedVolume(volume: BlockSource, blockBytes: number, journal: Journal): BlockSource {
  async function readCopy(copy: JournalCopy): Promise<Buffer> {
    const bytes = Buffer.alloc(blockBytes);
    await volume.readInto(copy.block * blockBytes, bytes);
    if (copy.checksum !== null && copyChecksum(journal, copy.sequence, bytes) !== copy.checksum) {
      throw new EngineError('FORMAT_INVALID', { checksum: 'journal copy' });
    }
    if (copy.isEscaped) bytes.writeUInt32BE(JOURNAL_MAGIC);
    return bytes;
  }
  return {
    lengthBytes: volume.lengthBytes,
    sectorBytes: volume.sectorBytes,
    physicalSectorBytes: volume.physicalSectorBytes,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, volume.lengthBytes);
      await volume.readInto(offsetBytes, into);
      const endBytes = offsetBytes + into.length;
      for (let block = Math.floor(offsetBytes / blockBytes); block * blockBytes < endBytes; block++) {
        const copy = journal.copies.get(block);
        if (!copy) continue;
        const bytes = await readCopy(copy);
        const from = Math.max(offsetBytes, block * blockBytes);
        const to = Math.min(endBytes, (block + 1) * blockBytes);
        into.set(bytes.subarray(from - block * blockBytes, to - block * blockBytes), from - offsetBytes);
      }
    },
    async close() {},
  };
}
