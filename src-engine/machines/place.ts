/** From a path or an open handle to what is there: a whole disk or an image file. */
import { fstatSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { PlaceView } from '../contract/disk.contract.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { thisMachine } from './this-machine.ts';

/** What partition tables in image files count in, unless a table says otherwise. */
const FILE_SECTOR_BYTES = 512;

/** Windows names devices so; they are no files that could be looked at. */
const WINDOWS_DEVICE = /^[\\/]{2}[.?][\\/]/;

/**
 * @param anyPath of a disk or a file; symbolic links (/dev/disk/by-id/…) are followed
 * @throws EngineError `SOURCE_NOT_FOUND`; `BAD_REQUEST` (data: path, reason) for a folder, a partition or anything else;
 *   `PERMISSION_DENIED`; `UNSUPPORTED_PLATFORM` for a disk on a platform whose disks cannot be reached
 */
export async function placeOf(anyPath: string, machine = thisMachine()): Promise<PlaceView> {
  if (process.platform === 'win32' && WINDOWS_DEVICE.test(anyPath)) {
    throw new EngineError('UNSUPPORTED_PLATFORM', { platform: process.platform });
  }
  const realPath = await resolved(anyPath);
  const stats = await stat(realPath, { bigint: true });
  if (stats.isFile()) return filePlace(realPath, Number(stats.size));
  if (!stats.isBlockDevice()) throw notAPlace(anyPath, 'NEITHER_DISK_NOR_FILE');
  const disk = machine.diskByNumber(stats.rdev);
  if (!disk) throw notAPlace(anyPath, 'NOT_A_WHOLE_DISK');
  return disk;
}

/**
 * The disk behind an opened handle: its size and serial number are those of the device that reads and writes will reach,
 * not of whatever has its path by now.
 * @throws EngineError `BAD_REQUEST` where the handle is no whole disk; `UNSUPPORTED_PLATFORM`
 */
export async function identifyDevice(fd: number, machine = thisMachine()): Promise<PlaceView> {
  const stats = fstatSync(fd, { bigint: true });
  const disk = stats.isBlockDevice() ? machine.diskByNumber(stats.rdev) : null;
  if (!disk) throw notAPlace(`fd ${fd}`, 'NOT_A_WHOLE_DISK');
  return disk;
}

function filePlace(realPath: string, lengthBytes: number): PlaceView {
  return {
    kind: 'file',
    path: realPath,
    model: path.basename(realPath),
    serial: '',
    lengthBytes,
    sectorBytes: FILE_SECTOR_BYTES,
    physicalSectorBytes: FILE_SECTOR_BYTES,
  };
}

async function resolved(anyPath: string): Promise<string> {
  try {
    return await realpath(anyPath);
  } catch (error) {
    const known = toEngineError(error);
    throw known.code === 'NOT_FOUND' ? new EngineError('SOURCE_NOT_FOUND', known.data, known.hint) : known;
  }
}

function notAPlace(anyPath: string, reason: 'NOT_A_WHOLE_DISK' | 'NEITHER_DISK_NOR_FILE'): EngineError {
  return new EngineError('BAD_REQUEST', { path: anyPath, reason });
}
