/** NTFS, by ntfsresize of ntfs-3g, which asks the device for its length: a loop device, or a scratch file. */
import { LOOP_TOOLS } from '../tools/loop-device.ts';
import { runTool } from '../tools/run-tool.ts';
import { isFileOfItsOwn, onLoopDevice } from './piece.ts';
import type { Resizer } from './resizer.port.ts';

const DEADLINE_MS = 6 * 60 * 60 * 1000;
/** Tables that grow while files are moved. */
const ROOM_BYTES = 16 * 1024 * 1024;
const ROOM_SHARE = 0.05;

export const ntfsResizer: Resizer = {
  tools: ['ntfsresize'],
  growing: [
    { method: 'in-place', needsRoot: true, tools: LOOP_TOOLS },
    { method: 'scratch', needsRoot: false, tools: [] },
  ],
  shrinking: [{ method: 'scratch', needsRoot: false, tools: [] }],
  toleratedWarnings: [],

  async limits(_volume, fileSystem, usedBytes) {
    const minimumBytes = usedBytes + ROOM_BYTES + Math.ceil(usedBytes * ROOM_SHARE);
    // cluster numbers have 32 bits in all versions of Windows
    return { minimumBytes, maximumBytes: (2 ** 32 - 1) * fileSystem.blockBytes };
  },

  async resize(piece, _fileSystem, toBytes, signal) {
    // -f: it asks a person where it sees a volume that was just resized
    const args = ['--force', '--no-progress-bar', '--size', String(toBytes)];
    const input = 'y\n';
    if (isFileOfItsOwn(piece)) {
      const run = { signal, descriptors: [piece.fd], deadlineMs: DEADLINE_MS, input };
      await runTool('ntfsresize', [...args, '/proc/self/fd/3'], run);
      return;
    }
    await onLoopDevice(piece, signal, async (device) => {
      await runTool('ntfsresize', [...args, device], { signal, deadlineMs: DEADLINE_MS, input });
    });
  },
};
