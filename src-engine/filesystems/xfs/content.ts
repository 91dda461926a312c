/** The bytes of a file. */
import type { FileContent } from '../file-tree.port.ts';
import { mappedContent, type FileRun } from '../mapped-content.ts';
import type { XfsVolume } from './addresses.ts';
import { mappings, type Mapping } from './extent-map.ts';
import type { XfsInode } from './inode.ts';

export function contentOf(volume: XfsVolume, inode: XfsInode): FileContent {
  return mappedContent(volume.view, inode.lengthBytes, (offsetBytes) => writtenRuns(volume, inode, offsetBytes));
}

async function* writtenRuns(volume: XfsVolume, inode: XfsInode, offsetBytes: number): AsyncGenerator<FileRun[]> {
  const { blockBytes } = volume.sb;
  const fileRun = ({ fileBlock, count, startBytes }: Mapping): FileRun => ({
    fileBytes: fileBlock * blockBytes,
    volumeBytes: startBytes,
    lengthBytes: count * blockBytes,
  });
  for await (const batch of mappings(volume, inode, inode.data, { from: Math.floor(offsetBytes / blockBytes) })) {
    yield batch.filter((mapping) => !mapping.isUnwritten).map(fileRun);
  }
}
