/** A little room that is kept in a catalog, so that on a full disk what frees room can still write down that it did. */
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { StoreLayout } from './store-layout.ts';

const RESERVE_BYTES = 1024 * 1024;
/** With less room than this nothing is set by. */
const MIN_FREE_BYTES = 8 * RESERVE_BYTES;

const reservePath = (layout: StoreLayout) => join(layout.root, 'reserve');

/** Sets the room by, where there is plenty; where that fails, there is none. */
export function keepReserve(layout: StoreLayout): void {
  const path = reservePath(layout);
  try {
    const { bavail, bsize } = statfsSync(layout.root);
    if (existsSync(path) || bavail * bsize < MIN_FREE_BYTES) return;
    const fd = openSync(path, 'wx', 0o600);
    try {
      // not zeros: some file systems would store nothing
      writeSync(fd, Buffer.alloc(RESERVE_BYTES, 0x5a));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    rmSync(path, { force: true });
  }
}

/** Where it cannot be removed there is no less room than before. */
export function releaseReserve(layout: StoreLayout): void {
  try {
    rmSync(reservePath(layout), { force: true });
  } catch {
    // a disk that is read-only says so to whoever writes
  }
}
