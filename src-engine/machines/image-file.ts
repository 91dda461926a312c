/** What every platform can tell about an image file. */
import { constants } from 'node:fs';
import { access, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { PlaceView, Refusal } from '../contract/disk.contract.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { Refusals } from './machine.port.ts';
import { isInCatalog } from './catalog-files.ts';
import { resolvedAsFarAsItExists } from './paths.ts';

/** What partition tables in image files count in, unless a table says otherwise. */
const FILE_SECTOR_BYTES = 512;

/**
 * @returns the path with its symbolic links resolved
 * @throws EngineError `SOURCE_NOT_FOUND`, `PERMISSION_DENIED`
 */
export async function resolvedSource(anyPath: string): Promise<string> {
  try {
    return await realpath(anyPath);
  } catch (error) {
    const known = toEngineError(error);
    throw known.code === 'NOT_FOUND' ? new EngineError('SOURCE_NOT_FOUND', known.data, known.hint) : known;
  }
}

/** @param realPath resolved */
export function filePlace(realPath: string, lengthBytes: number): PlaceView {
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

export function notAPlace(anyPath: string, reason: 'NEITHER_DISK_NOR_FILE'): EngineError {
  return new EngineError('BAD_REQUEST', { path: anyPath, reason });
}

/** @param disks that it is a part of or stands on */
export function notAWholeDisk(devicePath: string, disks: readonly string[]): EngineError {
  return new EngineError('NOT_A_WHOLE_DISK', { path: devicePath, disks: [...disks], reason: 'NOT_A_WHOLE_DISK' });
}

/** Permissions, and whether the file is part of the catalog. A file that is made or replaced needs a folder to write to. */
export async function ownRefusals(anyPath: string, catalogPath: string): Promise<Refusals> {
  const filePath = await resolvedAsFarAsItExists(anyPath);
  const captureRefusals = await accessRefusals(filePath, constants.R_OK);
  const deployRefusals = [
    ...(await accessRefusals(filePath, constants.W_OK)),
    ...(await accessRefusals(path.dirname(filePath), constants.W_OK)),
  ];
  if (await isInCatalog(filePath, catalogPath)) {
    deployRefusals.push({ code: 'HOLDS_CATALOG', details: [catalogPath] });
  }
  return { captureRefusals, deployRefusals };
}

async function accessRefusals(realPath: string, mode: number): Promise<Refusal[]> {
  try {
    await access(realPath, mode);
    return [];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    return [{ code: code === 'EROFS' ? 'READ_ONLY' : 'NO_PERMISSION', details: [realPath] }];
  }
}
