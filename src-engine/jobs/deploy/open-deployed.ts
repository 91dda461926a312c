/** Opens what was deployed, to look at it: a disk, or a file in the format that it became. */
import { basename, dirname } from 'node:path';
import type { DeployFormat } from '../../contract/new-vm.contract.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { openDiskImage } from '../../formats/open-image.ts';
import { openFileSource, type DiskFacts } from '../../formats/raw/file-source.ts';
import { filesOfFolder } from '../../formats/raw/folder-files.ts';

/**
 * @param facts of the disk that was deployed: its sectors are those that its tables count in, whatever the format knows of them
 * @throws EngineError `READ_FAILED`, `NOT_FOUND`, `FORMAT_INVALID`
 */
export async function openDeployed(
  path: string,
  facts: DiskFacts,
  format: DeployFormat | undefined,
  signal: AbortSignal,
): Promise<BlockSource> {
  if (format === undefined || format === 'raw') return openFileSource(path, facts);
  const file = await openFileSource(path);
  try {
    const image = await openDiskImage(file, basename(path), filesOfFolder(dirname(path)), signal, format);
    const source = image?.source ?? file;
    const { sectorBytes, physicalSectorBytes } = facts;
    return {
      lengthBytes: source.lengthBytes,
      sectorBytes,
      physicalSectorBytes,
      readInto: (offsetBytes, into) => source.readInto(offsetBytes, into),
      close: () => source.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}
