import { statfs } from 'node:fs/promises';
import { EngineError } from '../core/engine-error.ts';
import { kernelPlace } from '../core/kernel-places.ts';

/**
 * Bytes that this user may still write in the file system that holds `folder`; where it knows no end, as many as can be counted.
 * @throws EngineError `BAD_REQUEST` for a place of the kernel's own, which takes no files
 */
export async function freeBytes(folder: string): Promise<number> {
  const { blocks, bavail, bsize, type } = await statfs(folder);
  if (kernelPlace(type) !== null) throw new EngineError('BAD_REQUEST', { path: folder, reason: 'kernel' });
  // a tmpfs without a limit, and some that are elsewhere, count no blocks
  return blocks === 0 ? Number.MAX_SAFE_INTEGER : bavail * bsize;
}
