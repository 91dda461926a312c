/** Makes a disk ready to be unplugged, as the desktop of this machine does it. */
import type { DeviceView } from '../contract/disk.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import { runTool } from '../tools/run-tool.ts';
import { findTool, type Tool } from '../tools/tools.ts';

/** What is in the disk's own memory has to be written first: sticks are slow. */
const DEADLINE_MS = 120_000;

/** In their order. Sources: udisksctl(1), eject(1). */
const WAYS: readonly [tool: Tool, args: (path: string) => string[]][] = [
  ['udisksctl', (path) => ['power-off', '--no-user-interaction', '--block-device', path]],
  ['eject', (path) => ['--', path]],
];

const wayHere = () => WAYS.find(([tool]) => findTool(tool) !== null);

/** Whether a disk that can be unplugged can be made ready for it here. */
export const canTakeOut = (): boolean => process.platform === 'linux' && wayHere() !== undefined;

/** @throws EngineError `BAD_REQUEST` for a disk that stays; `DEVICE_BUSY` for one that is mounted; `TOOL_MISSING`, `TOOL_FAILED` */
export async function takeOut({ path, isRemovable, mounts }: DeviceView, signal: AbortSignal): Promise<void> {
  if (!isRemovable) throw new EngineError('BAD_REQUEST', { path, reason: 'not removable' });
  if (mounts.length > 0) throw new EngineError('DEVICE_BUSY', { path, details: mounts.map((mount) => mount.path) });
  const way = wayHere();
  if (!way) throw new EngineError('TOOL_MISSING', { tool: 'udisksctl', package: 'udisks2' });
  const [tool, args] = way;
  await runTool(tool, args(path), { signal, deadlineMs: DEADLINE_MS });
}
