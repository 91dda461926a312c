/** A physical volume of LVM2 that got more room, and logical volumes that take it: by lvm, which sees no other disk and no device-mapper. */
import { LOOP_TOOLS } from '../tools/loop-device.ts';
import { runTool } from '../tools/run-tool.ts';
import { onLoopDevice, type Piece } from './piece.ts';
import type { Way } from './resizer.port.ts';

export const MEMBER_WAY: Way = { method: 'in-place', needsRoot: true, tools: ['lvm', ...LOOP_TOOLS] };
/** Its volumes are put one behind the other on the way, and its text is written by ourselves. */
export const REPACK_WAY: Way = { method: 'repacked', needsRoot: false, tools: [] };

/** lvm(8), VALID NAMES: what goes by another name is not named to it. */
const NAME = /^[A-Za-z0-9+_.][A-Za-z0-9+_.-]*$/;
export const isLvmName = (name: string): boolean => NAME.test(name) && name.length < 128;

export interface LogicalGrowth {
  readonly name: string;
  /** of what the group has more; together at most 1 */
  readonly share: number;
}

/**
 * @param piece the physical volume, longer than it was
 * @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`, `ABORTED`
 */
export async function growMember(
  piece: Piece,
  group: string,
  volumes: readonly LogicalGrowth[],
  signal: AbortSignal,
): Promise<void> {
  await onLoopDevice(piece, signal, async (device) => {
    const config = `devices { filter=["a|^${device}$|","r|.*|"] use_devicesfile=0 hints="none" } backup { backup=0 archive=0 } global { event_activation=0 } activation { monitoring=0 udev_sync=0 }`;
    // nothing is activated: the names may be those of volumes that this machine runs from
    const lvm = (command: string, ...args: string[]) =>
      runTool('lvm', [command, '--driverloaded', 'n', '--config', config, ...args], { signal });
    const freeExtents = async () => {
      const { stdout } = await lvm('vgs', '--noheadings', '-o', 'vg_free_count', group);
      return Number(stdout.toString('utf8').trim());
    };
    // room that the group had before was left free by somebody
    const before = await freeExtents();
    await lvm('pvresize', device);
    const moreExtents = (await freeExtents()) - before;
    for (const { name, share } of volumes) {
      const extents = Math.floor(moreExtents * share);
      if (extents > 0) await lvm('lvextend', '--extents', `+${extents}`, `${group}/${name}`);
    }
  });
}
