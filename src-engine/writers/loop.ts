/** A block device for a part of a disk, which goes when nobody has it open any more: nothing stays behind a killed process. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { runTool } from '../tools/run-tool.ts';
import { HANDED, type VolumePlace } from './volume-place.ts';

export interface Loop {
  readonly descriptor: number;
  /** What was written is on the disk then. */
  close(): Promise<void>;
}

/** @throws EngineError `TOOL_FAILED`, `TOOL_MISSING`: it takes root */
export async function openLoop(place: VolumePlace, signal: AbortSignal): Promise<Loop> {
  const { descriptor, offsetBytes, lengthBytes } = place;
  const part = ['--offset', String(offsetBytes), '--sizelimit', String(lengthBytes)];
  const { stdout } = await runTool('losetup', ['--find', '--show', ...part, HANDED], {
    signal,
    descriptors: [descriptor],
  });
  const path = stdout.toString().trim();
  try {
    const handle = await open(path, constants.O_RDWR);
    return {
      descriptor: handle.fd,
      async close() {
        await handle.sync().finally(() => handle.close());
      },
    };
  } finally {
    // while it is open this is only remembered
    await runTool('losetup', ['--detach', path], { signal: new AbortController().signal });
  }
}
