/** The files behind loop devices, as the kernel knows them: a path may lead elsewhere by now, or be another namespace's. */
import { execFileSync } from 'node:child_process';
import type { BlockNode, BlockTree } from './block-tree.ts';
import { deviceOf } from './device-number.ts';
import { KERNEL_ROOTS, type KernelRoots } from './kernel-files.ts';
import { fileIdentity, isSame, type FileIdentity } from './open-files.ts';

const TIMEOUT_MS = 10_000;

export interface LoopFiles {
  /** @returns null for what is no loop device, or stands on a device */
  of(node: BlockNode): FileIdentity | null;
  /** The loop devices that stand on a file. */
  on(file: FileIdentity | null): BlockNode[];
}

export function readLoopFiles(roots: KernelRoots, tree: BlockTree): LoopFiles {
  const loops = tree.nodes.filter((node) => node.backingFile !== null && tree.below(node).length === 0);
  const known = loops.length > 0 && roots === KERNEL_ROOTS ? askKernel() : new Map<string, FileIdentity>();
  const files = new Map(loops.map((loop) => [loop, known.get(loop.path) ?? fileIdentity(loop.backingFile!)]));
  return {
    of: (node) => files.get(node) ?? null,
    on: (file) => loops.filter((loop) => isSame(files.get(loop) ?? null, file)),
  };
}

/** losetup asks each device (LOOP_GET_STATUS64), which needs leave to open it. @returns none where that cannot be done */
function askKernel(): Map<string, FileIdentity> {
  const found = new Map<string, FileIdentity>();
  try {
    const args = ['--list', '--noheadings', '--raw', '--output', 'NAME,BACK-MAJ:MIN,BACK-INO'];
    const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' };
    const text = execFileSync('losetup', args, {
      encoding: 'utf8',
      env,
      timeout: TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    for (const line of text.split('\n')) {
      const [name, device, inode] = line.trim().split(/\s+/);
      if (!/^\d+:\d+$/.test(device ?? '') || !/^\d+$/.test(inode ?? '')) continue;
      found.set(name, { device: deviceOf(device), inode: BigInt(inode) });
    }
  } catch {
    // there is no losetup: the paths that sysfs tells are all that is known
  }
  return found;
}
