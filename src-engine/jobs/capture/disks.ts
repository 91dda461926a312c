/** The disks of a capture, opened and looked at in their order: the same way when it is planned and when it runs. */
import type { DiskFormat, DiskView, PlaceView } from '../../contract/disk.contract.ts';
import type { DISK_ROLES } from '../../contract/template.contract.ts';
import type { Warning } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import { numberOf, ofDisk } from '../../core/of-disk.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import type { OpenedSource } from '../../images/open-source.ts';
import { DiskAccount } from '../../inspection/account/account.ts';
import { rolesOf } from '../../inspection/boots.ts';
import { inspectDisk, type InspectedDisk } from '../../inspection/disk-inspection.ts';
import { damagedSource, tellingOfFill } from '../../inspection/unreadable.ts';
import type { Machine } from '../../machines/machine.port.ts';
import { shareBytes } from '../../machines/share-bytes.ts';
import { openNbd } from '../../nbd/client.ts';
import type { EngineParts } from '../engine-parts.ts';
import { openCaptured } from './open-captured.ts';
import type { CaptureRequest, CaptureSource, ServedDisk } from './sources.ts';

/** What was seen of a disk that is captured. */
export interface SeenDisk {
  readonly place: PlaceView;
  readonly format: DiskFormat;
  /** names of the files beside it that it is read from too */
  readonly files: readonly string[];
  /** of the image file, not of what is on the disk */
  readonly warnings: readonly Warning[];
  readonly view: DiskView;
}

export interface CapturedDisk {
  /** from 1; null where it is the only one */
  readonly number: number | null;
  readonly role: (typeof DISK_ROLES)[number];
  readonly opened: OpenedSource;
  readonly disk: InspectedDisk;
  readonly account: DiskAccount;
  readonly view: DiskView;
}

export interface CapturedDisks {
  readonly disks: readonly CapturedDisk[];
  close(): Promise<void>;
}

/**
 * @param sources of {@link sourcesOf}
 * @param beside what is asked of each as soon as it is open
 * @throws EngineError `SOURCE_NOT_FOUND`, `PERMISSION_DENIED`, `READ_FAILED`, `FORMAT_INVALID` for an empty file, `BAD_REQUEST` for a disk that
 *   is named twice; with `disk` in its data where there are several
 */
export async function openDisks(
  parts: EngineParts,
  sources: readonly CaptureSource[],
  request: CaptureRequest,
  signal: AbortSignal,
  beside: (opened: OpenedSource, index: number) => void = () => {},
): Promise<CapturedDisks> {
  const opened: OpenedSource[] = [];
  const close = async () => {
    await Promise.all(opened.map(({ source }) => source.close()));
  };
  try {
    const looked: Omit<CapturedDisk, 'role'>[] = [];
    for (const [i, source] of sources.entries()) {
      const number = numberOf(i, sources.length);
      looked.push(
        await ofDisk(number, async () => {
          const one = await openAsked(parts.machine, source, request, signal);
          opened.push(one);
          const { place } = one;
          if (place.lengthBytes === 0)
            throw new EngineError('FORMAT_INVALID', { path: place.path, field: 'length', value: '0' });
          beside(one, i);
          const { disk, account } = await inspectSource(one.source, place, request, signal);
          return { number, opened: one, disk: { ...disk, source: one.source }, account, view: account.view() };
        }),
      );
    }
    await refuseTwice(
      parts.machine,
      opened.map(({ place }) => place),
    );
    const roles = await rolesOf(looked.map(({ disk, view }) => ({ source: disk.source, view })));
    return { disks: looked.map((one, i) => ({ ...one, role: roles[i] })), close };
  } catch (error) {
    await close();
    throw error;
  }
}

export function seenOf({ opened, view }: CapturedDisk): SeenDisk {
  const { place, format, files, warnings } = opened;
  return { place, format, files, warnings, view };
}

/** Where a capture goes on over unreadable sectors, those of an image file say nothing of what it is. */
function openAsked(
  machine: Machine,
  source: CaptureSource,
  { onUnreadable }: CaptureRequest,
  signal: AbortSignal,
): Promise<OpenedSource> {
  const isOver = onUnreadable === 'fill';
  const open = () =>
    source.served
      ? openServed(machine, source.path, source.format, source.served, signal)
      : openCaptured(machine, source, signal, isOver);
  return isOver ? open() : tellingOfFill(open);
}

/** What it is of is known by its place; what is read is what its hypervisor serves. */
async function openServed(
  machine: Machine,
  path: string,
  format: DiskFormat | null,
  { socketPath, exportName, sectorBytes, changesContext }: ServedDisk,
  signal: AbortSignal,
): Promise<OpenedSource> {
  const place = await machine.placeOf(path, true);
  const contexts = changesContext === null ? [] : [changesContext];
  const source = await openNbd({ socketPath }, { exportName, sectorBytes, contexts, signal });
  const { lengthBytes, physicalSectorBytes } = source;
  return {
    place: { ...place, lengthBytes, sectorBytes, physicalSectorBytes },
    source,
    format: format ?? 'raw',
    files: [],
    warnings: [],
    // it changes all the time, and what is read does not
    refuseChanged: async () => {},
  };
}

/** Where a capture goes on over unreadable sectors, volumes whose tables lie there are captured whole. */
function inspectSource(source: BlockSource, place: PlaceView, request: CaptureRequest, signal: AbortSignal) {
  const inspect = async (from: BlockSource) => {
    const disk = await inspectDisk(from, signal);
    return { disk, account: await DiskAccount.of(disk, place.kind, request.outside, signal) };
  };
  return request.onUnreadable === 'fill' ? inspect(damagedSource(source)) : tellingOfFill(() => inspect(source));
}

/** By whatever path: a machine has no disk twice. */
async function refuseTwice(machine: Machine, places: readonly PlaceView[]): Promise<void> {
  if (places.length === 1) return;
  const seen: string[][] = [];
  for (const [i, { path }] of places.entries()) {
    const names = await machine.bytesAt(path);
    if (seen.some((others) => shareBytes(names, others)))
      throw new EngineError('BAD_REQUEST', { path, reason: 'named twice', disk: i + 1 });
    seen.push(names);
  }
}
