/** Part of an open file or disk that a program is to work on: a volume of a target that does not look finished, or a scratch file. */
import { open } from 'node:fs/promises';
import { runTool } from '../tools/run-tool.ts';
import type { Tool } from '../tools/tools.ts';

export interface Piece {
  /** of the open file or disk */
  readonly fd: number;
  /** it is a scratch file, with nothing else in it: a program may make it longer or shorter */
  readonly isScratch: boolean;
  readonly startBytes: number;
  readonly lengthBytes: number;
  readonly sectorBytes: number;
}

export const isFileOfItsOwn = ({ isScratch, startBytes }: Piece): boolean => isScratch && startBytes === 0;

export const LOOP_TOOLS = ['losetup'] as const satisfies readonly Tool[];

/**
 * Lets programs work on a piece as on a disk of its own. The loop device detaches itself when the last who has it open closes it
 * (loop(4), LO_FLAGS_AUTOCLEAR), which this process is: nothing is left of it, however it ends. Needs root.
 * @throws EngineError `TOOL_MISSING`, `TOOL_FAILED` and what `work` throws
 */
export async function withLoopDevice<T>(
  piece: Piece,
  signal: AbortSignal,
  work: (device: string) => Promise<T>,
): Promise<T> {
  const { fd, startBytes, lengthBytes, sectorBytes } = piece;
  const place = [
    '--offset',
    String(startBytes),
    '--sizelimit',
    String(lengthBytes),
    '--sector-size',
    String(sectorBytes),
  ];
  const options = { signal, descriptors: [fd] };
  const { stdout } = await runTool('losetup', ['--find', '--show', ...place, '/proc/self/fd/3'], options);
  const device = stdout.toString('utf8').trim();
  const handle = await open(device, 'r+').catch(async (error: unknown) => {
    await runTool('losetup', ['--detach', device], { signal });
    throw error;
  });
  try {
    // detached as soon as nobody has it open
    await runTool('losetup', ['--detach', device], { signal });
    const done = await work(device);
    await handle.sync();
    return done;
  } finally {
    await handle.close();
  }
}
