/** btrfs changes its length while it is mounted, both ways. */
import { LOOP_TOOLS } from '../tools/loop-device.ts';
import { toolsToMount, withMountedDevice } from '../tools/mounted-device.ts';
import { onLoopDevice } from './piece.ts';
import type { Resizer } from './resizer.port.ts';

const DEADLINE_MS = 6 * 60 * 60 * 1000;
/** Chunks are moved whole, and one of each kind has to fit beside the others. */
const ROOM_BYTES = 256 * 1024 * 1024;
const ROOM_SHARE = 0.3;
/** The kernel gives a device no length below this (Linux, fs/btrfs/ioctl.c, btrfs_ioctl_resize). */
const LEAST_BYTES = 256 * 1024 * 1024;
const MOUNTED = { needsRoot: true, isMounted: true, tools: [...LOOP_TOOLS, ...toolsToMount('btrfs')] };

export const btrfsResizer: Resizer = {
  tools: ['btrfs'],
  growing: [{ method: 'in-place', ...MOUNTED }],
  shrinking: [{ method: 'scratch', ...MOUNTED }],
  toleratedWarnings: ['JOURNAL_NOT_CLEAN', 'FILESYSTEM_NOT_CLEAN'],

  async limits(volume, _fileSystem, usedBytes) {
    if (volume.lengthBytes < LEAST_BYTES) return { refusal: 'feature' };
    return {
      minimumBytes: usedBytes + ROOM_BYTES + Math.ceil(usedBytes * ROOM_SHARE),
      maximumBytes: Number.MAX_SAFE_INTEGER,
    };
  },

  async resize(piece, { blockBytes }, toBytes, signal) {
    await onLoopDevice(piece, signal, (device) =>
      withMountedDevice('btrfs', device, signal, async (mounts) => {
        const size = String(toBytes - (toBytes % blockBytes));
        await mounts.run('btrfs', ['filesystem', 'resize', size, mounts.folder], { deadlineMs: DEADLINE_MS });
      }),
    );
  },
};
