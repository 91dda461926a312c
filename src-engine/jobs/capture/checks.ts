/** What speaks against a capture, of all its disks: the same way when it is planned and when it runs. */
import { basename, isAbsolute } from 'node:path';
import type { DiskFormat, DiskView } from '../../contract/disk.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import type { Vm } from '../../contract/vm.contract.ts';
import { numberOf, toldOf } from '../../core/of-disk.ts';
import { captureChecks } from '../../judgement/capture-checks.ts';
import { formatCheck, isNothingRecognised, onePartitionCheck, otherFilesCheck } from '../../judgement/image-checks.ts';
import { checkSource, type SourceUse } from '../../judgement/source-checks.ts';
import type { Machine } from '../../machines/machine.port.ts';
import type { SeenDisk } from './disks.ts';
import type { CaptureRequest, CaptureSource } from './sources.ts';

/**
 * Without regard to overrides.
 * @param uses what the machine knows of each, in their order
 * @param sources what they are said to be: by a person, or by a machine's definition
 */
export function checksOfDisks(
  disks: readonly SeenDisk[],
  uses: readonly SourceUse[],
  sources: readonly CaptureSource[],
): Check[] {
  const isPart = wholeTogether(disks.map(({ view }) => view));
  return disks.flatMap((disk, i) =>
    [...captureChecks(disk.place, uses[i], disk.view), ...imageChecks(disk, sources[i].format)]
      .filter(({ code, data }) => !(code === 'VOLUME_REFUSED' && isPart(disk.view, data.volume)))
      .map((check) => toldOf(numberOf(i, disks.length), check)),
  );
}

/** That a machine that runs is shut down is told before it is agreed to. @param shutDown null: it is not */
export function shutDownCheck(vm: Vm | null, shutDown: CaptureRequest['shutDown']): Check[] {
  if (!vm || !shutDown) return [];
  return [{ code: 'VM_WILL_BE_SHUT_DOWN', level: 'warn', data: { place: vm.place, seconds: shutDown.withinSeconds } }];
}

/** As long as a machine runs, it uses its disks. */
export const withoutUsers = (use: SourceUse): SourceUse => ({
  ...use,
  refusals: use.refusals.filter(({ code }) => code !== 'IN_USE'),
});

/** Files below a machine's disk, which another machine may share as long as nobody writes to them. @param disks with paths as `files` */
export async function chainChecks(
  machine: Machine,
  disks: readonly Pick<SeenDisk, 'files'>[],
  catalogRoot: string,
): Promise<Check[]> {
  const checks: Check[] = [];
  for (const [i, { files }] of disks.entries()) {
    for (const path of files.filter((file) => isAbsolute(file))) {
      const { captureRefusals: refusals } = await machine.fileRefusals(path, catalogRoot);
      const own = checkSource({ path }, { device: null, refusals }).filter(({ level }) => level === 'block');
      checks.push(...own.map((check) => toldOf(numberOf(i, disks.length), check)));
    }
  }
  return checks;
}

/** What is captured is called a disk by whoever captures it: a raw one with nothing known on it is told, and taken. */
function imageChecks({ place, format, files, view: disk }: SeenDisk, said: DiskFormat | null): Check[] {
  if (place.kind === 'device') return [];
  const name = basename(place.path);
  const checks = [
    ...formatCheck(name, format, said),
    ...otherFilesCheck(name, format, files, said),
    ...onePartitionCheck(name, format, disk, said),
  ];
  if (format === 'raw' && said === null && isNothingRecognised(disk)) {
    // no disk ends within a sector: a script, a document
    const level = place.lengthBytes % 512 === 0 ? 'warn' : 'block';
    checks.push({ code: 'IMAGE_NOT_RECOGNISED', level, canOverride: level === 'block', data: { name } });
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
