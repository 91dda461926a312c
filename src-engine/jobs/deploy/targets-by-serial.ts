/** Targets that are named as people know disks: by their serial numbers. */
import { existsSync } from 'node:fs';
import { EngineError } from '../../core/engine-error.ts';
import type { Machine } from '../../machines/machine.port.ts';

/** What has a slash, begins with a dot or is of a virtual machine is no serial number. */
const NAME = /^(?!\.)[^/:]+$/;

/**
 * A file that is there is the file, whatever it is called. A name that nothing has stays: it is that of a new file.
 * @param targets as they were named
 * @returns for each the path of the attached disk whose serial number it is, or itself
 * @throws EngineError `BAD_REQUEST` where several disks have the same
 */
export async function pathsBySerial(
  machine: Pick<Machine, 'listDevices'>,
  catalogPath: string,
  targets: readonly string[],
): Promise<string[]> {
  const isName = (target: string) => NAME.test(target) && !existsSync(target);
  if (!targets.some(isName)) return [...targets];
  // where disks cannot be reached none has a serial number
  const devices = await machine.listDevices(catalogPath).catch(() => []);
  return targets.map((target) => {
    if (!isName(target)) return target;
    const disks = devices.filter(({ serial }) => serial === target).map(({ path }) => path);
    if (disks.length < 2) return disks[0] ?? target;
    const reason = 'serial of several';
    throw new EngineError('BAD_REQUEST', { field: 'targets', reason, serial: target, disks: disks.join(', ') });
  });
}
