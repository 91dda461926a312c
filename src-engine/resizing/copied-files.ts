/** A file system made anew on another device, and all files copied into it with what they carry. */
import type { Tool } from '../tools/tools.ts';
import { PRIVATE_MOUNT_TOOLS, withPrivateMounts, type PrivateMounts } from '../tools/private-mounts.ts';
import { LOOP_TOOLS } from '../tools/loop-device.ts';
import { onLoopDevice, type Piece } from './piece.ts';

const COPY_DEADLINE_MS = 24 * 60 * 60 * 1000;
/** Of what a file has to be the same: cp says so where one of them is not to be had. */
const PRESERVED = 'mode,ownership,timestamps,links,xattr';

/** Beside those that make it. */
export const COPY_TOOLS: readonly Tool[] = [...LOOP_TOOLS, ...PRIVATE_MOUNT_TOOLS, 'mkdir', 'cp'];

export interface Making {
  readonly mounts: PrivateMounts;
  readonly oldDevice: string;
  /** where the old one is mounted */
  readonly oldPoint: string;
  readonly newDevice: string;
}

/**
 * @param type of both, as mount(8) calls it @param make makes the new one
 * @throws EngineError as `tools/private-mounts.ts`, and what `make` throws
 */
export async function copyFiles(
  from: Piece,
  to: Piece,
  { type, options = [] }: { readonly type: string; readonly options?: readonly string[] },
  signal: AbortSignal,
  make: (making: Making) => Promise<void>,
): Promise<void> {
  await onLoopDevice(from, signal, (oldDevice) =>
    onLoopDevice(to, signal, (newDevice) =>
      withPrivateMounts(signal, async (mounts) => {
        const [oldPoint, newPoint] = [`${mounts.folder}/from`, `${mounts.folder}/to`];
        await mounts.mount('tmpfs', 'tmpfs', mounts.folder);
        await mounts.run('mkdir', [oldPoint, newPoint]);
        // its log is replayed: it is a copy
        await mounts.mount(oldDevice, type, oldPoint, options);
        await make({ mounts, oldDevice, oldPoint, newDevice });
        await mounts.mount(newDevice, type, newPoint, options);
        const args = ['-dR', `--preserve=${PRESERVED}`, '--reflink=never', '--sparse=always', '--'];
        await mounts.run('cp', [...args, `${oldPoint}/.`, newPoint], { deadlineMs: COPY_DEADLINE_MS });
        await mounts.unmount(newPoint);
        await mounts.unmount(oldPoint);
      }),
    ),
  );
}
