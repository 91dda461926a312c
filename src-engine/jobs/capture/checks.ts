/** What speaks against a capture, of all its disks: the same way when it is planned and when it runs. */
import { basename } from 'node:path';
import type { DiskView } from '../../contract/disk.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { numberOf, toldOf } from '../../core/of-disk.ts';
import { captureChecks } from '../../judgement/capture-checks.ts';
import { formatCheck, isNothingRecognised, onePartitionCheck, otherFilesCheck } from '../../judgement/image-checks.ts';
import type { SourceUse } from '../../judgement/source-checks.ts';
import type { SeenDisk } from './disks.ts';
import type { CaptureRequest } from './sources.ts';

/**
 * Without regard to overrides.
 * @param uses what the machine knows of each, in their order
 */
export function checksOfDisks(
  disks: readonly SeenDisk[],
  uses: readonly SourceUse[],
  request: CaptureRequest,
): Check[] {
  const isPart = wholeTogether(disks.map(({ view }) => view));
  return disks.flatMap((disk, i) =>
    [...captureChecks(disk.place, uses[i], disk.view), ...imageChecks(disk, request)]
      .filter(({ code, data }) => !(code === 'VOLUME_REFUSED' && isPart(disk.view, data.volume)))
      .map((check) => toldOf(numberOf(i, disks.length), check)),
  );
}

/** What is captured is called a disk by whoever captures it: a raw one with nothing known on it is told, and taken. */
function imageChecks({ place, format, files, view: disk }: SeenDisk, request: CaptureRequest): Check[] {
  if (place.kind === 'device') return [];
  const name = basename(place.path);
  const checks = [
    ...formatCheck(name, format, request.format),
    ...otherFilesCheck(name, format, files, request.format),
    ...onePartitionCheck(name, format, disk, request.format),
  ];
  if (format === 'raw' && request.format === null && isNothingRecognised(disk)) {
    checks.push({ code: 'IMAGE_NOT_RECOGNISED', level: 'warn', data: { name } });
  }
  return checks;
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

/** What a disk is plugged into; null: it is not known. One disk alone is told by its place. */
export function busOf(uses: readonly SourceUse[], index: number): string | null {
  const bus = uses.length > 1 ? uses[index].device?.bus : undefined;
  return bus && bus !== 'loop' ? bus : null;
}
