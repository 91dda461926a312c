/** The commands that are measured: Diskpress as it is built, and shells with their rivals. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { JobView } from '../../../src-engine/contract/job.contract.ts';
import { withPartition } from './bench-disks.ts';
import { measure, type Beforehand, type Measured } from '../measure.ts';

const cli = join(import.meta.dirname, '../../../out/main/cli.js');

/** @returns also what its first part ended with */
export async function diskpress(catalog: string, args: readonly string[], before: Beforehand = {}) {
  const measured = await measure(process.execPath, [cli, '--catalog', catalog, '--json', ...args], before);
  const { value } = JSON.parse(measured.output.trim().split('\n').at(-1)!) as { value: JobView };
  return { ...measured, result: value.parts[0].result as { storedBytes: number; processedBytes: number } };
}

/** Into a catalog that has nothing. */
export function captureAnew(catalog: string, disk: string, before: Beforehand = {}) {
  rmSync(catalog, { recursive: true, force: true });
  return diskpress(catalog, ['capture', disk, '--name', 'bench'], before);
}

/** One more try where it fails: partclone.restore does now and then, on a disk that answers an fsync with an error. */
export async function shell(script: string, before: Beforehand = {}): Promise<Measured> {
  const run = () => measure('bash', ['-o', 'pipefail', '-c', script], before);
  return run().catch((error: Error) => {
    console.error(`${error.message}\nAgain:`);
    return run();
  });
}

/** What the used blocks of a partition are, to standard output. @param kind of its file system, as partclone names it */
export const cloneOf = (kind: string, loop: string) => `partclone.${kind} -c -s ${loop} -o - -L /dev/null 2>/dev/null`;

/** The rival's capture of the only partition of a disk, its output synced. */
export const captureByRival = (kind: string, disk: string, packed: string, before: Beforehand = {}) =>
  withPartition(disk, (loop) => {
    rmSync(packed, { force: true });
    return shell(`${cloneOf(kind, loop)} | zstd -T0 -3 -q -f -o ${packed} && sync ${packed}`, before);
  });

/** What lies on the disk below a path. */
export function bytesBelow(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesBelow(join(path, name)), 0);
}
