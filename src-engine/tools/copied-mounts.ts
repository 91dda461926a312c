/**
 * A mount namespace begins with a copy of every mount of the machine. Whoever unmounts a disk outside meanwhile would find it still in use,
 * and its file system not written out: what nobody needs in there is taken out of it at once.
 */
import { readFile } from 'node:fs/promises';

/** Where programs and what they need may lie: systems unmount these when they shut down. /run/diskpress is our own, and seen by nobody else. */
const NEEDED = /^\/(?:(?:usr|bin|sbin|lib\w*|etc|var|tmp|opt|nix|home|root|boot|run|srv)?|run\/diskpress\/[\w-]+)$/;

/**
 * @param pid of a process in the namespace
 * @param unmount takes mount points out of it, and of it alone
 */
export async function forgetCopiedMounts(
  pid: number,
  unmount: (points: readonly string[]) => Promise<unknown>,
): Promise<void> {
  const lines = (await readFile(`/proc/${pid}/mountinfo`, 'utf8')).trim().split('\n');
  const points = lines.flatMap((line) => {
    // proc(5): … point … - type source options
    const fields = line.split(' ');
    const [type, source] = fields.slice(fields.indexOf('-') + 1);
    const point = fields[4].replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
    const isOfDisk = source.startsWith('/dev/') || type.startsWith('fuse');
    return isOfDisk && !NEEDED.test(point) ? [Buffer.from(point, 'latin1').toString('utf8')] : [];
  });
  // inner ones first
  if (points.length > 0) await unmount(points.reverse());
}
