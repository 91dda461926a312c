/** A device that holds a file system of a template, mounted for us alone: disks of one template have one UUID. */
import { runTool } from './run-tool.ts';
import { withPrivateMounts, PRIVATE_MOUNT_TOOLS, type PrivateMounts } from './private-mounts.ts';
import type { Tool } from './tools.ts';

interface MountKind {
  readonly type: string;
  readonly options: readonly string[];
  /** programs without which it cannot be mounted */
  readonly tools: readonly Tool[];
}

const KINDS = {
  // another disk of the same template may be mounted already
  xfs: { type: 'xfs', options: ['nouuid'], tools: [] },
  // its topmost folder, whichever subvolume is the default
  btrfs: { type: 'btrfs', options: ['subvolid=5'], tools: ['btrfs'] },
  ntfs: { type: 'ntfs-3g', options: [], tools: ['ntfs-3g'] },
} as const satisfies Readonly<Record<string, MountKind>>;

export type MountedKind = keyof typeof KINDS;

export const isMountedKind = (kind: string): kind is MountedKind => Object.hasOwn(KINDS, kind);

/** Programs that it takes. */
export const toolsToMount = (kind: MountedKind): Tool[] => [...PRIVATE_MOUNT_TOOLS, ...KINDS[kind].tools];

/** File systems of one UUID are one to btrfs: of several disks of a template, one is mounted at a time. */
let btrfsTurn: Promise<unknown> = Promise.resolve();

/**
 * Mounts a device on the folder of its mounts, and unmounts it: all is on the disk then.
 * @throws EngineError as {@link withPrivateMounts} and its `mount`; what `work` throws
 */
export async function withMountedDevice<T>(
  kind: MountedKind,
  device: string,
  signal: AbortSignal,
  work: (mounts: PrivateMounts) => Promise<T>,
): Promise<T> {
  const { type, options } = KINDS[kind];
  const mounted = () =>
    withPrivateMounts(signal, async (mounts) => {
      await mounts.mount(device, type, mounts.folder, ['noatime', ...options]);
      const done = await work(mounts);
      await mounts.unmount(mounts.folder);
      return done;
    });
  if (kind !== 'btrfs') return mounted();
  // what is not forgotten is taken for an older disk of the same file system by the next
  const forgotten = () =>
    mounted().finally(() => runTool('btrfs', ['device', 'scan', '--forget', device], { signal }).catch(() => {}));
  const turn = btrfsTurn.then(forgotten, forgotten);
  btrfsTurn = turn.catch(() => {});
  return turn;
}
