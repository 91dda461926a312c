/** Where the content of an inode, its attributes and their trees lie. */
import { checkSpan } from '../../core/bounds.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import type { XfsVolume } from './addresses.ts';
import { mappings } from './extent-map.ts';
import type { XfsInode } from './inode.ts';

/** @throws EngineError `FORMAT_INVALID` */
export async function* ownExtents(volume: XfsVolume, inode: XfsInode, signal: AbortSignal): AsyncGenerator<Extent[]> {
  const { blockBytes } = volume.sb;
  const inVolume = (startBytes: number, lengthBytes: number): Extent => {
    checkSpan('extent', startBytes, lengthBytes, volume.view.lengthBytes);
    return { startBytes, lengthBytes };
  };
  for (const fork of [inode.data, inode.attributes]) {
    if (fork.format !== 'extents' && fork.format !== 'btree') continue;
    let treeBlocks: Extent[] = [];
    const onTreeBlock = (startBytes: number) => void treeBlocks.push(inVolume(startBytes, blockBytes));
    for await (const batch of mappings(volume, inode, fork, { onTreeBlock })) {
      signal.throwIfAborted();
      yield [...treeBlocks, ...batch.map(({ startBytes, count }) => inVolume(startBytes, count * blockBytes))];
      treeBlocks = [];
    }
  }
}
