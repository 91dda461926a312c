/** Files that a command writes beside its answer: a report, a profile. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { CommandError, type ErrorCode } from '../../src-engine/contract/index.ts';

/** @throws CommandError `OVERWRITE_REQUIRED` for the first that is there, unless it may be overwritten */
export function refuseExisting(paths: readonly (string | undefined)[], overwrite: boolean): void {
  const there = overwrite ? undefined : paths.find((path) => path !== undefined && existsSync(path));
  if (there !== undefined) throw fileError('OVERWRITE_REQUIRED', there);
}

/**
 * The whole file or none of it.
 * @throws CommandError `OVERWRITE_REQUIRED` where there is one and it may not be overwritten; `NOT_FOUND`, `PERMISSION_DENIED`,
 *   `DISK_FULL`, `WRITE_FAILED`
 */
export function saveFile(path: string, bytes: string | Buffer, overwrite: boolean): void {
  const full = resolve(path);
  const partial = `${full}.diskpress-partial`;
  let isOurs = false;
  try {
    refuseExisting([full], overwrite);
    const file = openSync(partial, 'wx');
    isOurs = true;
    try {
      writeFileSync(file, bytes);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(partial, full);
  } catch (cause) {
    if (isOurs) rmSync(partial, { force: true });
    if (cause instanceof CommandError) throw cause;
    const { code = '' } = cause as NodeJS.ErrnoException;
    throw fileError(CODES[code] ?? 'WRITE_FAILED', full);
  }
}

const CODES: Record<string, ErrorCode> = {
  ENOENT: 'NOT_FOUND',
  ENOTDIR: 'NOT_FOUND',
  EACCES: 'PERMISSION_DENIED',
  EPERM: 'PERMISSION_DENIED',
  EROFS: 'PERMISSION_DENIED',
  ENOSPC: 'DISK_FULL',
  EISDIR: 'DESTINATION_EXISTS',
};

function fileError(code: ErrorCode, path: string): CommandError {
  return new CommandError({ code, message: path, hint: '', data: { path } });
}
