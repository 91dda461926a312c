/** A target file gets the disk's bytes as they are, unless a format is asked for, whatever it was and whatever its name says: that is told before it happens. */
import { extname } from 'node:path';
import type { DiskFormat } from '../../contract/disk.contract.ts';
import type { DeployFormat } from '../../contract/new-vm.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import type { DescribedTarget } from '../../machines/describe-target.ts';

const ENDINGS = ['.qcow', '.qcow2', '.vmdk', '.vdi', '.vhd', '.vhdx'];

/** @param format of the image that lies there; null: nothing, or none that can be read @param becomes what was asked for */
export function imageTargetChecks(
  { place, exists }: DescribedTarget,
  format: DiskFormat | null,
  becomes: DeployFormat | undefined,
): Check[] {
  if (place.kind !== 'file' || becomes !== undefined) return [];
  const { path } = place;
  if (exists && format !== null && format !== 'raw')
    return [{ code: 'TARGET_IS_IMAGE', level: 'block', canOverride: true, data: { path, format } }];
  const ending = extname(path).toLowerCase();
  return ENDINGS.includes(ending) ? [{ code: 'TARGET_NAMED_AS_IMAGE', level: 'warn', data: { path, ending } }] : [];
}
