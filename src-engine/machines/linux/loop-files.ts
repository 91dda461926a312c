/** The files behind loop devices, as the kernel knows them: a path may lead elsewhere by now, or be another namespace's. */
import { execFileSync } from 'node:child_process';
import type { BlockNode, BlockTree } from './block-tree.ts';
import { deviceOf } from './device-number.ts';
import { attribute, KERNEL_ROOTS, type KernelRoots } from './kernel-files.ts';
import { fileIdentity, isSame, type FileIdentity } from './open-files.ts';

const TIMEOUT_MS = 10_000;

export interface LoopFiles {
  /** @returns null for what is no loop device, or stands on a device */
  of(node: BlockNode): FileIdentity | null;
  /** The loop devices that stand on a file. */
  on(file: FileIdentity | null): BlockNode[];
}

type Answer = ReadonlyMap<string, FileIdentity>;

/** What the kernel said last, and of which devices with which files. */
let last: { readonly mark: string; readonly answer: Answer } | null = null;

/** Nobody is asked before a file is. */
export function readLoopFiles(roots: KernelRoots, tree: BlockTree): LoopFiles {
  const loops = tree.nodes.filter((node) => node.backingFile !== null && tree.below(node).length === 0);
  let answer: Answer | null = null;
  const files = new Map<BlockNode, FileIdentity | null>();
  const fileOf = (loop: BlockNode): FileIdentity | null => {
    answer ??= roots === KERNEL_ROOTS ? answerOf(loops) : new Map<string, FileIdentity>();
    if (!files.has(loop)) files.set(loop, answer.get(loop.path) ?? fileIdentity(loop.backingFile!));
    return files.get(loop)!;
  };
  return {
    of: (node) => (loops.includes(node) ? fileOf(node) : null),
    on: (file) => (file === null ? [] : loops.filter((loop) => isSame(fileOf(loop), file))),
  };
}

/**
 * Asks the kernel, unless it has answered already and no device has got a file since: each time that one does, its number in the sequence of disks
 * is a new one. Source: Documentation/ABI/stable/sysfs-block of the kernel for `diskseq`, since Linux 5.15
 */
function answerOf(loops: readonly BlockNode[]): Answer {
  const numbers = loops.map(({ folder }) => attribute(folder, 'diskseq'));
  const mark = JSON.stringify(loops.map(({ path, backingFile }, i) => [path, backingFile, numbers[i]]));
  if (last?.mark === mark && !numbers.includes('')) return last.answer;
  const answer = askKernel();
  if (answer) last = { mark, answer };
  return answer ?? new Map<string, FileIdentity>();
}

/** losetup asks each device (LOOP_GET_STATUS64), which needs leave to open it. @returns null where that cannot be done */
function askKernel(): Answer | null {
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
    return found;
  } catch {
    // there is no losetup: the paths that sysfs tells are all that is known
    return null;
  }
}
