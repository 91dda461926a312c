/**
 * A volume that the kernel mounts for us alone: in a mount namespace that a small process holds, which ends with this one. Whatever kills
 * us, nothing stays mounted; and nobody else finds it meanwhile.
 */
import { constants } from 'node:fs';
import { open, readFile, readlink, realpath, stat, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineError } from '../../core/engine-error.ts';
import { forgetCopiedMounts } from '../../tools/copied-mounts.ts';
import { holdTool, runTool } from '../../tools/run-tool.ts';
import { findTool, TOOL_PACKAGES, type Tool } from '../../tools/tools.ts';
import { HANDED, type VolumePlace } from '../volume-place.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
/** A log that is replayed takes its time. */
const DEADLINE_MS = 10 * 60_000;

interface MountKind {
  readonly type: string;
  readonly options: readonly string[];
  /** a program without which it cannot be mounted */
  readonly tool: Tool | null;
}

const KINDS: Readonly<Record<string, MountKind>> = {
  // another disk of the same template may be mounted already
  xfs: { type: 'xfs', options: ['nouuid'], tool: null },
  // its topmost folder, whichever subvolume is the default
  btrfs: { type: 'btrfs', options: ['subvolid=5'], tool: 'btrfs' },
  ntfs: { type: 'ntfs-3g', options: [], tool: 'ntfs-3g' },
};

/** Programs that writing there takes. */
export const toolsToMount = (kind: string): Tool[] => [
  'unshare',
  'nsenter',
  'mount',
  ...(KINDS[kind]?.tool ? [KINDS[kind].tool] : []),
];

/** File systems of one UUID are one to btrfs: of several disks of a template, one is mounted at a time. */
let btrfsTurn: Promise<unknown> = Promise.resolve();

/**
 * Mounts the volume, lets `work` write below its topmost folder, and unmounts it: all is on the disk then.
 * @throws EngineError `TOOL_FAILED`, `TOOL_MISSING`, `TOOL_TIMED_OUT`; what `work` throws
 */
export async function withMounted<T>(
  kind: string,
  place: VolumePlace,
  signal: AbortSignal,
  work: (root: FileHandle) => Promise<T>,
): Promise<T> {
  const mountKind = KINDS[kind];
  if (!mountKind) throw new EngineError('FORMAT_UNSUPPORTED', { feature: kind });
  const mounted = () => mountAndWork(mountKind, place, signal, work);
  if (kind !== 'btrfs') return mounted();
  const turn = btrfsTurn.then(mounted, mounted);
  btrfsTurn = turn.catch(() => {});
  return turn;
}

async function mountAndWork<T>(
  { type, options, tool }: MountKind,
  place: VolumePlace,
  signal: AbortSignal,
  work: (root: FileHandle) => Promise<T>,
): Promise<T> {
  if (tool && !findTool(tool)) throw new EngineError('TOOL_MISSING', { tool, package: TOOL_PACKAGES[tool] });
  // whatever is in it, for everybody else it stays there
  const folder = await realpath(tmpdir());
  // programs that stay, as that of NTFS does, are in a process namespace that ends with its first
  const apart = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child'];
  const holder = await holdTool('unshare', [...apart, '--', 'cat'], { signal });
  const enter = [`--mount=/proc/${holder.pid}/ns/mnt`, `--pid=/proc/${holder.pid}/ns/pid_for_children`];
  const inside = (command: string[], goodCodes = [0]) =>
    runTool('nsenter', [...enter, '--', ...command], {
      signal,
      goodCodes,
      deadlineMs: DEADLINE_MS,
      descriptors: [place.descriptor],
    });
  let loop = '';
  try {
    const where = ['loop', `offset=${place.offsetBytes}`, `sizelimit=${place.lengthBytes}`];
    const all = [...where, 'nosuid', 'nodev', 'noexec', 'noatime', ...options].join(',');
    // one that is gone by itself meanwhile is no reason not to go on: umount(8), exit status
    await forgetCopiedMounts(holder.pid, (points) => inside(['umount', '--lazy', ...points], [0, 32, 64]));
    await inside(['mount', '-n', '-t', type, '-o', all, HANDED, folder]);
    loop = await ownLoop(holder.pid, folder, place);
    const root = await open(join(`/proc/${holder.pid}/root`, folder), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const done = await work(root).finally(() => root.close());
    await inside(['umount', folder]);
    return done;
  } finally {
    await holder.end();
    // else an older disk of the same template is taken for one that is out of date
    if (type === 'btrfs' && loop)
      await runTool('btrfs', ['device', 'scan', '--forget', loop], { signal }).catch(() => {});
  }
}

/**
 * Whether what is mounted is what was meant: of two file systems of one UUID, btrfs may mount the other.
 * @returns the loop device
 */
async function ownLoop(pid: number, folder: string, { descriptor, offsetBytes }: VolumePlace): Promise<string> {
  const lines = (await readFile(`/proc/${pid}/mountinfo`, 'utf8')).trim().split('\n');
  const [number, source = ''] = mountAt(lines, folder);
  const name = /^\/dev\/(loop\d+)$/.exec(source)?.[1];
  const fact = (file: string) => readFile(`/sys/block/${name}/loop/${file}`, 'utf8').then((text) => text.trim());
  const isOurs =
    name !== undefined &&
    (await fact('backing_file')) === (await readlink(`/proc/self/fd/${descriptor}`)) &&
    Number(await fact('offset')) === offsetBytes;
  // FUSE tells the device of its own connection
  if (!isOurs || number === undefined || !(await stat(source)).isBlockDevice()) {
    throw new EngineError('DEVICE_BUSY', { path: source, reason: 'another file system of the same UUID is mounted' });
  }
  return source;
}

/** proc(5), /proc/PID/mountinfo: number and source of what is mounted there last. */
function mountAt(lines: readonly string[], folder: string): string[] {
  const fields =
    lines
      .map((line) => line.split(' '))
      .filter((words) => words[4] === folder)
      .at(-1) ?? [];
  return fields.length > 0 ? [fields[2], fields[fields.indexOf('-') + 2]] : [];
}
