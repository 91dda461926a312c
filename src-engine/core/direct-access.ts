/** Direct input and output (O_DIRECT, open(2)): between the disk and our memory, past the page cache. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** What O_DIRECT asks of offsets, lengths and memory: 4096 suits every disk. */
export const PAGE_BYTES = 4096;

/** What a file system without direct access answers (an old tmpfs, some network file systems). */
export function isInvalid(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EINVAL';
}

/** The same open file once more, by its descriptor (proc(5)). @param access of the handle @returns null where there are no direct writes */
export async function openDirect({ fd }: FileHandle, access: number): Promise<FileHandle | null> {
  if (!constants.O_DIRECT) return null;
  return open(`/proc/self/fd/${fd}`, access | constants.O_DIRECT).catch(() => null);
}
