/** What a deploy writes to: a device that is what the plan says, or a new file under a temporary name. */
import { constants } from 'node:fs';
import { open, realpath, rm, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { PlaceView } from '../contract/disk.contract.ts';
import { EngineError, ioError, toEngineError } from '../core/engine-error.ts';
import type { BlockSink } from '../disk/block-source.port.ts';
import { createFileSink } from '../formats/raw/file-sink.ts';
import type { DiskFacts } from '../formats/raw/file-source.ts';
import type { Machine } from '../machines/machine.port.ts';

export interface DescribedTarget {
  readonly place: PlaceView;
  readonly exists: boolean;
}

/**
 * @param facts of the file that would be made; a device has its own
 * @throws EngineError `BAD_REQUEST` for what can be neither
 */
export async function describeTarget(machine: Machine, path: string, facts: DiskFacts): Promise<DescribedTarget> {
  const stats = await stat(path).catch(() => null);
  if (stats?.isBlockDevice()) return { place: await machine.placeOf(path), exists: true };
  if (stats && !stats.isFile()) throw new EngineError('BAD_REQUEST', { path, reason: 'not a file or a disk' });
  const { lengthBytes, sectorBytes, physicalSectorBytes } = facts;
  // a link stays a link: what it leads to is replaced
  const full = stats ? await realpath(path) : resolve(path);
  return {
    place: {
      kind: 'file',
      path: full,
      model: basename(full),
      serial: '',
      lengthBytes,
      sectorBytes,
      physicalSectorBytes,
    },
    exists: stats !== null,
  };
}

/**
 * Opens a device exclusively and checks on the open handle that it is the planned one and may still be written to.
 * @throws EngineError `DEVICE_CHANGED`, `DEVICE_BUSY`, `PERMISSION_DENIED`, `NOT_FOUND`
 */
export async function openDeviceTarget(machine: Machine, planned: PlaceView, catalogRoot: string): Promise<BlockSink> {
  const device = (await machine.listDevices(catalogRoot)).find(({ path }) => path === planned.path);
  const refusal = device?.deployRefusals[0];
  if (refusal)
    throw new EngineError('DEVICE_BUSY', { path: planned.path, reason: refusal.code, details: refusal.details });
  // with O_EXCL the kernel refuses a device that is mounted or claimed by another driver
  const handle = await open(planned.path, constants.O_RDWR | constants.O_EXCL).catch((error) => {
    throw ioError(error, 'WRITE_FAILED', { path: planned.path });
  });
  try {
    const opened = await machine.identifyDevice(handle.fd);
    if (opened.serial !== planned.serial || opened.lengthBytes !== planned.lengthBytes) {
      const { serial, lengthBytes } = opened;
      throw new EngineError('DEVICE_CHANGED', {
        path: planned.path,
        plannedSerial: planned.serial,
        serial,
        lengthBytes,
      });
    }
    return await createFileSink(handle, planned.path, opened, false);
  } catch (error) {
    await handle.close();
    throw toEngineError(error);
  }
}

/** Makes a sparse file of the planned length at `temporaryPath`. An existing file there is never touched. */
export async function openFileTarget(planned: PlaceView, temporaryPath: string): Promise<BlockSink> {
  const handle = await open(temporaryPath, 'wx+').catch((error) => {
    throw ioError(error, 'WRITE_FAILED', { path: temporaryPath });
  });
  try {
    await handle.truncate(planned.lengthBytes);
    // what replaces a file is as readable as that was
    const replaced = await stat(planned.path).catch(() => null);
    if (replaced) {
      await handle.chmod(replaced.mode & 0o7777);
      await handle.chown(replaced.uid, replaced.gid).catch(() => {});
    }
    return await createFileSink(handle, temporaryPath, planned, true);
  } catch (error) {
    await handle.close();
    await rm(temporaryPath, { force: true });
    throw ioError(error, 'WRITE_FAILED', { path: planned.path });
  }
}
