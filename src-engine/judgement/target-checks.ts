/** What forbids a deploy: everything that would cost somebody data or the running system. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DeviceView, Refusal } from '../contract/disk.contract.ts';
import type { Check, CheckCode } from '../contract/warnings.ts';
import type { Machine } from '../machines/machine.port.ts';
import { freeBytes } from '../machines/free-bytes.ts';
import type { DescribedTarget } from '../machines/describe-target.ts';

const CHECK_OF_REFUSAL: Record<Refusal['code'], CheckCode> = {
  MOUNTED: 'TARGET_MOUNTED',
  MOUNTED_READ_WRITE: 'TARGET_MOUNTED',
  SYSTEM_DISK: 'TARGET_IS_SYSTEM_DISK',
  HOLDS_CATALOG: 'TARGET_HOLDS_CATALOG',
  IN_USE: 'TARGET_IN_USE',
  READ_ONLY: 'TARGET_READ_ONLY',
  NO_MEDIUM: 'TARGET_NOT_A_DISK',
  NO_PERMISSION: 'TARGET_NOT_WRITABLE',
};

/**
 * A disk ends with a whole sector: nobody could write a part of one.
 * @param capturedBytes an image that was captured with another length may keep it
 */
export function sectorCheck(
  { kind, lengthBytes, sectorBytes, path }: DescribedTarget['place'],
  capturedBytes: number,
): Check[] {
  const isWhole = lengthBytes % sectorBytes === 0 || (kind === 'file' && lengthBytes === capturedBytes);
  if (isWhole) return [];
  const [below, above] = [Math.floor, Math.ceil].map((round) => round(lengthBytes / sectorBytes) * sectorBytes);
  return [
    { code: 'TARGET_NO_WHOLE_SECTORS', level: 'block', data: { path, length: lengthBytes, sectorBytes, below, above } },
  ];
}

/** @param device as it was found just now; null: it is not there */
export function checkDevice(place: DescribedTarget['place'], device: DeviceView | null): Check[] {
  const data = dataOf(place);
  if (!device) return [{ code: 'TARGET_NOT_A_DISK', level: 'block', data }];
  const asks: Check[] = device.asksRights.toWrite ? [{ code: 'TARGET_RIGHTS_ASKED', level: 'pass', data }] : [];
  return [
    ...refusalChecks(device.deployRefusals, data),
    ...asks,
    { code: 'TARGET_WILL_BE_ERASED', level: 'warn', data },
  ];
}

/** @param target a file @param usedBytes what will be written */
export async function checkFile(
  machine: Machine,
  { place, exists }: DescribedTarget,
  usedBytes: number,
  catalogRoot: string,
): Promise<Check[]> {
  const data = dataOf(place);
  const folder = dirname(place.path);
  if (!(await stat(folder).catch(() => null))?.isDirectory()) {
    return [{ code: 'TARGET_FOLDER_MISSING', level: 'block', data: { ...data, folder } }];
  }
  const free = await freeBytes(folder);
  const space = { ...data, folder, requiredBytes: usedBytes, freeBytes: free };
  return [
    ...refusalChecks((await machine.fileRefusals(place.path, catalogRoot)).deployRefusals, data),
    exists ? { code: 'TARGET_EXISTS', level: 'warn', data } : { code: 'TARGET_NEW_FILE', level: 'pass', data },
    free < usedBytes
      ? { code: 'TARGET_FOLDER_SPACE_LOW', level: 'block', data: space }
      : { code: 'TARGET_FOLDER_SPACE', level: 'pass', data: space },
  ];
}

const dataOf = ({ path, model, serial, lengthBytes }: DescribedTarget['place']) => ({
  path,
  model,
  serial,
  lengthBytes,
});

function refusalChecks(refusals: readonly Refusal[], data: Check['data']): Check[] {
  if (refusals.length === 0) return [{ code: 'TARGET_NOT_IN_USE', level: 'pass', data }];
  return refusals.map(({ code, details }) => ({
    code: CHECK_OF_REFUSAL[code],
    level: 'block',
    data: { ...data, details: details.join(', ') },
  }));
}
