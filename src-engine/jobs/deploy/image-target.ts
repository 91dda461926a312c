/** A target file gets the disk's bytes as they are, unless a format is asked for, whatever it was and whatever its name says: that is told before it happens. */
import { extname } from 'node:path';
import type { DeployFormat } from '../../contract/new-vm.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import type { ImageThere } from '../../images/image-there.ts';
import type { DescribedTarget } from '../../machines/describe-target.ts';

const ENDINGS = ['.qcow', '.qcow2', '.vmdk', '.vdi', '.vhd', '.vhdx'];

/** @param image that lies there, or null @param becomes what was asked for */
export function imageTargetChecks(
  { place }: DescribedTarget,
  image: ImageThere | null,
  becomes: DeployFormat | undefined,
): Check[] {
  if (place.kind !== 'file' || becomes !== undefined) return [];
  const { path } = place;
  const format = image?.format ?? 'raw';
  if (image?.isOther)
    return [{ code: 'TARGET_HOLDS_OTHER', level: 'block', canOverride: true, data: { path, format } }];
  if (format !== 'raw') return [{ code: 'TARGET_IS_IMAGE', level: 'block', canOverride: true, data: { path, format } }];
  const ending = extname(path).toLowerCase();
  return ENDINGS.includes(ending) ? [{ code: 'TARGET_NAMED_AS_IMAGE', level: 'warn', data: { path, ending } }] : [];
}
