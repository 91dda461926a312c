/** The disks of a capture, opened and looked at in their order: the same way when it is planned and when it runs. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { CheckedParams } from '../../contract/commands.ts';
import type { DiskView, PlaceView } from '../../contract/disk.contract.ts';
import type { DISK_ROLES } from '../../contract/template.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import { numberOf, ofDisk, toldOf } from '../../core/of-disk.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { openSource, type OpenedSource } from '../../images/open-source.ts';
import { DiskAccount } from '../../inspection/account/account.ts';
import { bootFirst, rolesOf } from '../../inspection/boots.ts';
import { inspectDisk, type InspectedDisk } from '../../inspection/disk-inspection.ts';
import { damagedSource, tellingOfFill } from '../../inspection/unreadable.ts';
import { captureChecks } from '../../judgement/capture-checks.ts';
import { isNothingRecognised, onePartitionCheck, otherFilesCheck } from '../../judgement/image-checks.ts';
import type { Machine } from '../../machines/machine.port.ts';
import type { EngineParts } from '../engine-parts.ts';

export type CaptureRequest = CheckedParams<'capture.plan'>;

export interface CapturedDisk {
  /** from 1; null where it is the only one */
  readonly number: number | null;
  readonly role: (typeof DISK_ROLES)[number];
  /** what it is plugged into; null: it is not known */
  readonly bus: string | null;
  readonly opened: OpenedSource;
  readonly disk: InspectedDisk;
  readonly account: DiskAccount;
  readonly view: DiskView;
  /** without regard to overrides */
  readonly checks: readonly Check[];
  /** @throws EngineError `SOURCE_CHANGED` where a file is not what it was when it was opened. Devices have no such mark */
  refuseChanged(): Promise<void>;
}

export interface CapturedDisks {
  readonly disks: readonly CapturedDisk[];
  /** the same, with the one that its machine boots from before the others */
  readonly bootFirst: readonly CapturedDisk[];
  close(): Promise<void>;
}

/**
 * @param beside what is asked of each as soon as it is open
 * @throws EngineError `SOURCE_NOT_FOUND`, `PERMISSION_DENIED`, `READ_FAILED`, `FORMAT_INVALID` for an empty file, `BAD_REQUEST` for a disk that
 *   is named twice; with `disk` in its data where there are several
 */
export async function openDisks(
  parts: EngineParts,
  request: CaptureRequest,
  signal: AbortSignal,
  beside: (opened: OpenedSource, index: number) => void = () => {},
): Promise<CapturedDisks> {
  const paths = [request.source, ...request.others];
  const opened: OpenedSource[] = [];
  const close = async () => {
    await Promise.all(opened.map(({ source }) => source.close()));
  };
  try {
    const looked: Omit<CapturedDisk, 'role' | 'bus'>[] = [];
    for (const [i, path] of paths.entries()) {
      const number = numberOf(i, paths.length);
      looked.push(
        await ofDisk(number, async () => {
          const one = await openSource(parts.machine, path, request.format);
          opened.push(one);
          const { place } = one;
          if (place.lengthBytes === 0)
            throw new EngineError('FORMAT_INVALID', { path: place.path, field: 'length', value: '0' });
          beside(one, i);
          return lookAt(parts, one, number, request, signal);
        }),
      );
    }
    await refuseTwice(
      parts.machine,
      opened.map(({ place }) => place),
    );
    const roles = await rolesOf(looked.map(({ disk, view }) => ({ source: disk.source, view })));
    const busOf = await buses(
      parts,
      opened.map(({ place }) => place),
    );
    const isPart = wholeTogether(looked.map(({ view }) => view));
    const disks = looked.map((one, i) => ({
      ...one,
      role: roles[i],
      bus: busOf(one.opened.place),
      checks: one.checks.filter(({ code, data }) => !(code === 'VOLUME_REFUSED' && isPart(one.view, data.volume))),
    }));
    return { disks, bootFirst: bootFirst(disks), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function lookAt(
  parts: EngineParts,
  opened: OpenedSource,
  number: number | null,
  request: CaptureRequest,
  signal: AbortSignal,
): Promise<Omit<CapturedDisk, 'role' | 'bus'>> {
  const { source, place } = opened;
  const modified = await modifiedAt(place);
  const { disk, account } = await inspectSource(source, place, request, signal);
  const view = account.view();
  const checks = [...(await captureChecks(parts, place, view)), ...imageChecks(opened, view, request)];
  return {
    number,
    opened,
    disk: { ...disk, source },
    account,
    view,
    checks: checks.map((check) => toldOf(number, check)),
    async refuseChanged() {
      await opened.refuseChanged();
      if ((await modifiedAt(place)) !== modified) throw new EngineError('SOURCE_CHANGED', { path: place.path });
    },
  };
}

/** What is captured is called a disk by whoever captures it: a raw one with nothing known on it is told, and taken. */
function imageChecks({ place, format, files }: OpenedSource, disk: DiskView, request: CaptureRequest): Check[] {
  if (place.kind === 'device') return [];
  const name = basename(place.path);
  const checks = [
    ...otherFilesCheck(name, format, files, request.format),
    ...onePartitionCheck(name, format, disk, request.format),
  ];
  if (format === 'raw' && request.format === null && isNothingRecognised(disk)) {
    checks.push({ code: 'IMAGE_NOT_RECOGNISED', level: 'warn', data: { name } });
  }
  return checks;
}

/** Where a capture goes on over unreadable sectors, volumes whose tables lie there are captured whole. */
function inspectSource(source: BlockSource, place: PlaceView, request: CaptureRequest, signal: AbortSignal) {
  const inspect = async (from: BlockSource) => {
    const disk = await inspectDisk(from, signal);
    return { disk, account: await DiskAccount.of(disk, place.kind, request.outside, signal) };
  };
  return request.onUnreadable === 'fill' ? inspect(damagedSource(source)) : tellingOfFill(() => inspect(source));
}

/** A file that changes while it is read gives an image of no moment. */
async function modifiedAt(place: PlaceView): Promise<number> {
  return place.kind === 'file' ? (await stat(place.path)).mtimeMs : 0;
}

/**
 * A file system over several devices is of no use without one of them, and whole where all of them are captured together.
 * @returns whether a volume of a disk, by what its warnings call it, is a part of one of which all parts are there
 */
function wholeTogether(views: readonly DiskView[]): (disk: DiskView, volume: unknown) => boolean {
  const parts = views.flatMap((disk) =>
    disk.volumes.flatMap(({ recognisedUuid, warnings }) =>
      warnings
        .filter(({ code }) => code === 'SEVERAL_DEVICES' && recognisedUuid !== '')
        .map(({ data }) => ({ disk, volume: data.volume, uuid: recognisedUuid, devices: data.devices })),
    ),
  );
  const whole = parts.filter(({ uuid, devices }) => parts.filter((part) => part.uuid === uuid).length === devices);
  return (disk, volume) => whole.some((part) => part.disk === disk && part.volume === volume);
}

/** By whatever path: a machine has no disk twice. */
async function refuseTwice(machine: Machine, places: readonly PlaceView[]): Promise<void> {
  if (places.length === 1) return;
  const seen = new Set<string>();
  for (const [i, { path }] of places.entries()) {
    const names = await machine.bytesAt(path);
    if (names.some((name) => seen.has(name)))
      throw new EngineError('BAD_REQUEST', { path, reason: `${path}: named twice`, disk: i + 1 });
    for (const name of names) seen.add(name);
  }
}

/** Devices are listed once, for all of them, and only where there are several: one alone is told by its place. */
async function buses(parts: EngineParts, places: readonly PlaceView[]): Promise<(place: PlaceView) => string | null> {
  if (places.length === 1 || places.every(({ kind }) => kind === 'file')) return () => null;
  const devices = await parts.machine.listDevices(parts.layout.root);
  return (place) => {
    const bus = place.kind === 'device' ? devices.find(({ path }) => path === place.path)?.bus : undefined;
    return bus && bus !== 'loop' ? bus : null;
  };
}
