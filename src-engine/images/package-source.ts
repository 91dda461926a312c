/** Diskpress packages, recognised inside a 7z by their content. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { ArchiveEntry } from '../archive/list-archive.ts';
import type { ArchiveFile } from '../archive/seven-zip.ts';
import { unpackEntry } from '../archive/unpack.ts';
import { EngineError } from '../core/engine-error.ts';
import {
  isPackageJson,
  manifestFile,
  MAX_ABOUT_BYTES,
  PACKAGE_FILES,
  readPackageAbout,
  type PackageAbout,
} from './package-format.ts';
import type { FoundPackage } from './opened-image.ts';

/** JSON may be compressed well by whoever packs it anew. */
const LIMITS = { maxBytes: MAX_ABOUT_BYTES, maxRatio: 100_000 };

/** @returns null where it is none @throws EngineError `ARCHIVE_PASSWORD`; `FORMAT_UNSUPPORTED` for a later version's */
export async function findPackage(
  archive: ArchiveFile,
  entries: readonly ArchiveEntry[],
  signal: AbortSignal,
): Promise<FoundPackage | null> {
  const about = entries.find(({ name }) => name === PACKAGE_FILES.about);
  if (!about || !entries.some(({ name }) => name === manifestFile(0))) return null;
  const folder = await mkdtemp(join(tmpdir(), 'diskpress-package-'));
  try {
    const to = join(folder, 'about');
    await unpackEntry(archive, about, to, LIMITS.maxBytes, LIMITS, signal);
    const parsed = parseAbout(await readFile(to, 'utf8'), archive.path);
    return parsed && { archive, entries, about: parsed };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function parseAbout(text: string, path: string): PackageAbout | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isPackageJson(json)) return null;
  try {
    return readPackageAbout(json);
  } catch (error) {
    if (error instanceof EngineError) throw new EngineError(error.code, { ...error.data, path });
    if (!(error instanceof z.ZodError)) throw error;
    throw new EngineError('FORMAT_INVALID', {
      path,
      field: PACKAGE_FILES.about,
      value: error.issues[0].path.join('.'),
    });
  }
}
