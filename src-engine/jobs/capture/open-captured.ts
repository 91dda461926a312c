/** One disk of a capture, opened: where it lies here, or over there. */
import { basename } from 'node:path';
import { openSource, type OpenedSource } from '../../images/open-source.ts';
import { refusePacked } from '../../images/refuse-packed.ts';
import { openRemoteDisk } from '../../machines/hypervisors/remote-disk.ts';
import type { Machine } from '../../machines/machine.port.ts';
import type { CaptureSource } from './sources.ts';

/** @throws EngineError as {@link openSource}, {@link openRemoteDisk}; `FORMAT_PACKED` for a file that holds a disk and is none as it stands */
export async function openCaptured(
  machine: Machine,
  { path, format, isOfMachine, parents, remote }: CaptureSource,
  signal: AbortSignal,
  isOverUnreadable = false,
): Promise<OpenedSource> {
  if (!remote) {
    const opened = await openSource(machine, path, format, signal, isOverUnreadable, isOfMachine, parents);
    const isForPacked = opened.format === 'raw' && format === null && opened.place.kind === 'file' && !isOfMachine;
    // sectors that cannot be read say nothing of what it is
    if (isForPacked && !isOverUnreadable) await unpackedOnly(opened);
    return opened;
  }
  const opened = await openRemoteDisk(remote, signal);
  return { ...opened, format: remote.format, files: [], warnings: [] };
}

async function unpackedOnly({ source, place }: OpenedSource): Promise<void> {
  try {
    await refusePacked(source, basename(place.path));
  } catch (error) {
    await source.close();
    throw error;
  }
}
