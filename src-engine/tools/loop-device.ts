/** A block device for a part of an open file or disk, for programs that take a device of its own. */
import { open } from 'node:fs/promises';
import { runTool } from './run-tool.ts';
import type { Tool } from './tools.ts';

export const LOOP_TOOLS = ['losetup'] as const satisfies readonly Tool[];
/** It is only asked to remember; a job that was cancelled must be able to say it, too. */
const DETACH_MS = 60_000;

export interface LoopPlace {
  /** of the open file or disk */
  readonly descriptor: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** what the device counts in; as what is behind it where it is not given */
  readonly sectorBytes?: number;
}

/**
 * The device detaches itself when the last who has it open closes it (loop(4), LO_FLAGS_AUTOCLEAR), which this process is: nothing is left of
 * it, however it ends. What was written is on the disk when this resolves. Needs root.
 * @param work is given the device's path, and a descriptor that reads and writes it
 * @throws EngineError `TOOL_MISSING`, `TOOL_FAILED` and what `work` throws
 */
export async function withLoopDevice<T>(
  { descriptor, offsetBytes, lengthBytes, sectorBytes }: LoopPlace,
  signal: AbortSignal,
  work: (device: string, descriptor: number) => Promise<T>,
): Promise<T> {
  const part = ['--offset', String(offsetBytes), '--sizelimit', String(lengthBytes)];
  const sectors = sectorBytes === undefined ? [] : ['--sector-size', String(sectorBytes)];
  const options = { signal, descriptors: [descriptor] };
  const { stdout } = await runTool('losetup', ['--find', '--show', ...part, ...sectors, '/proc/self/fd/3'], options);
  const device = stdout.toString('utf8').trim();
  // while it is open this is only remembered
  const handle = await open(device, 'r+').finally(() =>
    runTool('losetup', ['--detach', device], { signal: AbortSignal.timeout(DETACH_MS) }),
  );
  try {
    const done = await work(device, handle.fd);
    await handle.sync();
    return done;
  } finally {
    await handle.close();
  }
}
