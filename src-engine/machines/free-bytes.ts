import { statfs } from 'node:fs/promises';

/** Bytes that this user may still write in the file system that holds `folder`. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
