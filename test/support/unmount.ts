/**
 * Unmounts for everybody: a mount namespace that began meanwhile has a copy (each QEMU of a libvirt has one, and so has each emulated
 * host), with which the file system is still in use and not written out.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

const DEADLINE_MS = 60_000;
const PAUSE_MS = 20;

interface Mount {
  /** the number of the device, the root within it, and the point: words 3 to 5 of proc(5), mountinfo */
  readonly words: string;
  /** what is mounted */
  readonly source: string;
}

/** @throws Error where the point is no mount, a copy of it stays, or its device is in use a minute later */
export function unmount(point: string): void {
  const mount = mountsOf('self').findLast(({ words }) => words.endsWith(` ${written(point)} `));
  const backing = mount ? backingOf(mount) : null;
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  execFileSync('umount', [point], { stdio: 'pipe', env });
  if (!mount) return;
  const giveUpAt = Date.now() + DEADLINE_MS;
  for (;;) {
    const holders = holdersOf(mount);
    for (const pid of holders) spawnSync('nsenter', ['--target', pid, '--mount', '--', 'umount', point], { env });
    // the last namespace is gone from /proc before the kernel has written out what it held
    if (holders.length === 0 && !isClaimed(mount, backing)) return;
    if (Date.now() > giveUpAt) throw new Error(`${point} is still in use: ${mount.source}, by ${holders.join(', ')}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  }
}

/** As it stands in mountinfo. */
const written = (point: string) => point.replaceAll(' ', '\\040');

/** @param pid whose namespace; none where it has ended */
function mountsOf(pid: string): Mount[] {
  let lines;
  try {
    lines = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n');
  } catch {
    return [];
  }
  return lines.map((line) => {
    const words = line.split(' ');
    return { words: ` ${words.slice(2, 5).join(' ')} `, source: words[words.indexOf('-') + 2] ?? '' };
  });
}

/** @returns a process of each namespace that has it */
function holdersOf({ words }: Mount): string[] {
  const holders = new Map<string, string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d/.test(name))) {
    try {
      const namespace = readlinkSync(`/proc/${pid}/ns/mnt`);
      if (!holders.has(namespace) && mountsOf(pid).some((one) => one.words === words)) holders.set(namespace, pid);
    } catch {
      // it has ended
    }
  }
  return [...holders.values()];
}

/** @returns the file behind a loop device; null where it is another device, or none any more */
function backingOf({ source }: Mount): string | null {
  try {
    return readFileSync(`/sys/block/${basename(source)}/loop/backing_file`, 'utf8');
  } catch {
    return null;
  }
}

/** Whether its device is in use by nothing that can be seen. @param backing of it, when it was mounted: another test may have the number now */
function isClaimed(mount: Mount, backing: string | null): boolean {
  const { source } = mount;
  if (!source.startsWith('/dev/') || backingOf(mount) !== backing) return false;
  // it is mounted elsewhere too
  if (mountsOf('self').some((one) => one.source === source)) return false;
  try {
    closeSync(openSync(source, constants.O_RDONLY | constants.O_EXCL));
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EBUSY';
  }
}
