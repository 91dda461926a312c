/** One disk of a capture, opened: where it lies here, or over there. */
import { openSource, type OpenedSource } from '../../images/open-source.ts';
import { openRemoteDisk } from '../../machines/hypervisors/remote-disk.ts';
import type { Machine } from '../../machines/machine.port.ts';
import type { CaptureSource } from './sources.ts';

/** @throws EngineError as {@link openSource}, {@link openRemoteDisk} */
export async function openCaptured(
  machine: Machine,
  { path, format, isOfMachine, parents, remote }: CaptureSource,
  signal: AbortSignal,
  isOverUnreadable = false,
): Promise<OpenedSource> {
  if (!remote) return openSource(machine, path, format, signal, isOverUnreadable, isOfMachine, parents);
  const opened = await openRemoteDisk(remote, signal);
  return { ...opened, format: remote.format, files: [], warnings: [] };
}
