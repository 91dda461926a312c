/** What this machine can do to a volume: rights, programs, and file systems that its kernel knows. Looked at, never tried on anything. */
import { existsSync } from 'node:fs';
import { access, constants, readFile, readdir } from 'node:fs/promises';
import { release } from 'node:os';
import type { FileSystemKind } from '../contract/disk.contract.ts';
import { findTool, type Tool } from '../tools/tools.ts';

export interface Abilities {
  /** may mount, and make loop devices */
  readonly isRoot: boolean;
  hasTool(tool: Tool): boolean;
  canMount(kind: FileSystemKind): boolean;
  /** whether one with that UUID is mounted, so that the kernel takes no other for it: so it is with btrfs */
  isMounted(kind: FileSystemKind, uuid: string): boolean;
}

/** @param hasRoot root's rights are there, or are asked for when it comes to it */
export async function abilitiesHere(hasRoot: boolean): Promise<Abilities> {
  const control = '/dev/loop-control';
  // what only root may open is there for who gets root's rights
  const hasLoops = process.geteuid?.() === 0 ? await canOpen(control) : existsSync(control);
  const isRoot = process.platform === 'linux' && hasRoot && hasLoops;
  const kernel = await knownFileSystems();
  return { isRoot, hasTool: (tool) => findTool(tool) !== null, canMount: (kind) => kernel.has(kind), isMounted };
}

/** Linux, fs/btrfs/sysfs.c: a folder for each that is mounted. XFS is told by an option not to mind. */
function isMounted(kind: FileSystemKind, uuid: string): boolean {
  return kind === 'btrfs' && /^[\da-f-]+$/.test(uuid) && existsSync(`/sys/fs/btrfs/${uuid}`);
}

function canOpen(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** Those that are there, and those that are loaded when they are asked for. */
async function knownFileSystems(): Promise<Set<string>> {
  const loaded = await readFile('/proc/filesystems', 'utf8').catch(() => '');
  const names = loaded.split('\n').map((line) => line.replace(/^.*\t/, ''));
  const modules = await readdir(`/lib/modules/${release()}/kernel/fs`).catch(() => [] as string[]);
  return new Set([...names, ...modules].filter((name) => name !== ''));
}
