/** Which disk of a version is meant. */
import type { FoundVersion } from '../catalog/template-repository.ts';
import type { VersionDiskView } from '../contract/template.contract.ts';
import { EngineError } from '../core/engine-error.ts';

export interface FoundDisk extends FoundVersion {
  readonly disk: VersionDiskView;
  /** from 1 */
  readonly number: number;
  readonly manifest: string;
}

/**
 * @param number from 1; may be left out where there is one disk
 * @throws EngineError `DISK_CHOICE_REQUIRED` where it does not say which of several; `NO_SUCH_DISK` where it says one that there is not
 */
export function diskOf(found: FoundVersion, number: number | undefined): FoundDisk {
  const { disks } = found.version;
  const chosen = number ?? (disks.length === 1 ? 1 : 0);
  const disk = disks[chosen - 1];
  if (!disk) {
    const template = `${found.template.name}@${found.version.number}`;
    const count = disks.length;
    if (number === undefined) throw new EngineError('DISK_CHOICE_REQUIRED', { template, count });
    throw new EngineError('NO_SUCH_DISK', { name: template, number, count });
  }
  return { ...found, disk, number: chosen, manifest: found.manifests[chosen - 1] };
}
