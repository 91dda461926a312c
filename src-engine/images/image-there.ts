/** What lies where an image file is to be written. */
import { stat } from 'node:fs/promises';
import { EngineError } from '../core/engine-error.ts';
import { resolveOwnLinks } from '../core/held-folder.ts';
import type { Machine } from '../machines/machine.port.ts';
import { openSource } from './open-source.ts';

export interface ImageThere {
  /** `raw` too for what nothing is known of; null: one that is damaged */
  readonly format: string | null;
  /** whether it is no disk as it stands: packed, or another program's container */
  readonly isOther: boolean;
  /** of the disk in it; undefined where that is not known without unpacking it */
  readonly lengthBytes: number | undefined;
}

/** @returns null where nothing is there, for an empty file and for a device @throws EngineError `LINK_NOT_FOLLOWED`; what the signal was aborted with */
export async function imageThere(machine: Machine, path: string, signal: AbortSignal): Promise<ImageThere | null> {
  const full = await resolveOwnLinks(path);
  const stats = await stat(full).catch(() => null);
  if (!stats?.isFile() || stats.size === 0) return null;
  try {
    const { format, source } = await openSource(machine, full, null, signal);
    await source.close();
    return { format, isOther: false, lengthBytes: source.lengthBytes };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    const { code, data } = error;
    if (code === 'FORMAT_PACKED' || code === 'FORMAT_FOREIGN') {
      return { format: String(data.format), isOther: true, lengthBytes: undefined };
    }
    return { format: null, isOther: false, lengthBytes: stats.size };
  }
}
