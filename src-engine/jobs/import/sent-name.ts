import { realpath } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { isInside } from '../../machines/paths.ts';
import type { StoreLayout } from '../../store/store-layout.ts';

/** What lies in front of what a page has sent: a folder of the engine, and one of the upload. */
const FOLDERS = 2;

/** @returns the name that a file had where a page sent it from: where it lies here is gone with the import; any other path as it is */
export async function nameIfSent({ uploads }: StoreLayout, path: string): Promise<string> {
  const folder = await realpath(uploads).catch(() => uploads);
  if (!isInside(path, folder)) return path;
  return relative(folder, path).split(sep).slice(FOLDERS).join(sep);
}
