/** The bytes of a file. */
import { checkSpan } from '../../core/bounds.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { joinTouching } from '../extents.ts';
import type { FileContent } from '../file-tree.port.ts';
import type { XfsVolume } from './addresses.ts';
import { mappings, type Mapping } from './extent-map.ts';
import type { XfsInode } from './inode.ts';

/** Reads under way at once: enough for a disk to sort them. */
const READS_AT_ONCE = 64;

export function contentOf(volume: XfsVolume, inode: XfsInode): FileContent {
  const { lengthBytes } = inode;
  return {
    lengthBytes,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, lengthBytes);
      into.fill(0);
      if (into.length > 0) await readMapped(volume, inode, offsetBytes, into);
    },
    dataRuns: (signal) => joinTouching(dataRuns(volume, inode, signal)),
  };
}

async function readMapped(volume: XfsVolume, inode: XfsInode, offsetBytes: number, into: Uint8Array): Promise<void> {
  const { blockBytes } = volume.sb;
  const endBytes = offsetBytes + into.length;
  const range = { from: Math.floor(offsetBytes / blockBytes), to: Math.ceil(endBytes / blockBytes) };
  for await (const batch of mappings(volume, inode, inode.data, range)) {
    const written = batch.filter((mapping) => !mapping.isUnwritten);
    for (let at = 0; at < written.length; at += READS_AT_ONCE) {
      const reads = written.slice(at, at + READS_AT_ONCE).map((mapping) => {
        const mappedFrom = mapping.fileBlock * blockBytes;
        const from = Math.max(mappedFrom, offsetBytes);
        const to = Math.min(mappedFrom + mapping.count * blockBytes, endBytes);
        const piece = into.subarray(from - offsetBytes, to - offsetBytes);
        const startBytes = mapping.startBytes + (from - mappedFrom);
        checkSpan('extent', startBytes, piece.length, volume.data.lengthBytes);
        return volume.data.readInto(startBytes, piece);
      });
      await Promise.all(reads);
    }
  }
}

/** Blocks may be reserved past the end of a file: they are no part of it. */
async function* dataRuns(volume: XfsVolume, inode: XfsInode, signal: AbortSignal): AsyncGenerator<Extent[]> {
  const { blockBytes } = volume.sb;
  const to = Math.ceil(inode.lengthBytes / blockBytes);
  if (to === 0) return;
  const runOf = ({ fileBlock, count }: Mapping): Extent => {
    const startBytes = fileBlock * blockBytes;
    return { startBytes, lengthBytes: Math.min(count * blockBytes, inode.lengthBytes - startBytes) };
  };
  for await (const batch of mappings(volume, inode, inode.data, { to })) {
    signal.throwIfAborted();
    yield batch.filter((mapping) => !mapping.isUnwritten).map(runOf);
  }
}
