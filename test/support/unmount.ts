/** Unmounts for everybody: a mount namespace that began meanwhile has a copy, with which the file system is still in use and not written out. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const DEADLINE_MS = 60_000;
const PAUSE_MS = 20;

/** @throws Error where the point is no mount, or a copy of it stays */
export function unmount(point: string): void {
  const mount = mountAt(point);
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  execFileSync('umount', [point], { stdio: 'pipe', env });
  const giveUpAt = Date.now() + DEADLINE_MS;
  while (mount !== null && isThereForAnybody(mount)) {
    if (Date.now() > giveUpAt) throw new Error(`${point} stays mounted in another namespace`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  }
}

/** @returns the number of the device, the root within it, and the point: words 3 to 5 of proc(5), mountinfo */
function mountAt(point: string): string | null {
  // as it is written there
  const written = point.replaceAll(' ', '\\040');
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const words = lines.map((line) => line.split(' ')).findLast((all) => all[4] === written);
  return words ? ` ${words.slice(2, 5).join(' ')} ` : null;
}

function isThereForAnybody(mount: string): boolean {
  return readdirSync('/proc').some((pid) => {
    if (!/^\d/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(mount);
    } catch {
      // it has ended
      return false;
    }
  });
}
