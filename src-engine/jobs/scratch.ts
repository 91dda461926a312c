/** The folder of unfinished files. Whoever holds the writer's lock owns it: what lies there is from a job that died. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoreLayout } from '../store/store-layout.ts';

export async function clearScratch(layout: StoreLayout): Promise<void> {
  for (const name of await readdir(layout.scratch)) {
    // template records are written without the lock, in an instant, and carry another ending
    if (name.endsWith('.pack') || name.endsWith('.manifest')) await rm(join(layout.scratch, name), { force: true });
  }
}
