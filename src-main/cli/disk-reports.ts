/** The picture of a disk as text: a line for each volume with a bar by its share, and what groups hold. */
import {
  isNote,
  type DiskView,
  type InnerVolumeView,
  type MessageData,
  type VolumeView,
  type Warning,
} from '../../src-engine/contract/index.ts';
import { accountLines } from './account-reports.ts';
import { printable } from './printable.ts';
import { table } from './text-table.ts';
import type { Words } from './words.ts';

const BAR = 24;

export function diskLines(words: Words, disk: DiskView): string[] {
  const { t } = words;
  const head = ['number', 'map', 'filesystem', 'label', 'start', 'size', 'used', 'captured'];
  const inner = disk.groups.flatMap((group) => group.volumes);
  return [
    t('cli.disk', {
      table: disk.table === 'none' ? t('cli.no-table') : t('cli.table', { name: disk.table.toUpperCase() }),
      sectorBytes: disk.sectorBytes,
      usedBytes: disk.usedBytes,
    }),
    ...table(
      head.map((column) => t(`cli.column.${column}`)),
      disk.volumes.map((volume) => [
        volume.number === null ? '' : String(volume.number),
        bar(volume, disk.lengthBytes),
        ...contentCells(words, volume, volume.name),
        words.bytes(volume.startBytes),
        ...sizeCells(words, volume),
      ]),
    ).map((line) => `  ${line}`),
    ...disk.groups.flatMap((group) => [
      t(`cli.group.${group.kind}`, { name: printable(group.name), members: group.members.length }),
      ...table(
        null,
        group.volumes.map((volume) => [
          printable(volume.ref),
          volume.mapping,
          ...contentCells(words, volume, ''),
          ...sizeCells(words, volume),
        ]),
      ).map((line) => `  ${line}`),
    ]),
    ...accountLines(words, disk),
    ...warningLines(words, [...disk.warnings, ...[...disk.volumes, ...inner].flatMap(({ warnings }) => warnings)]),
  ];
}

function contentCells({ t, shared }: Words, volume: VolumeView | InnerVolumeView, name: string): string[] {
  const { fileSystem, recognised, recognisedLabel } = volume;
  const kind = fileSystem?.kind ?? recognised;
  return [
    kind ? shared(`fileSystem.${kind}`, kind) : t('cli.unknown'),
    printable(fileSystem?.label || recognisedLabel || name),
  ];
}

function sizeCells({ t, bytes }: Words, { lengthBytes, usedBytes, captureAs }: VolumeView | InnerVolumeView): string[] {
  return [bytes(lengthBytes), bytes(usedBytes), t(`captureAs.${captureAs}`)];
}

/** Where on the disk the volume is, and how full: used, free, and the rest of the disk. */
function bar({ startBytes, lengthBytes, usedBytes }: VolumeView, diskBytes: number): string {
  const cell = (bytes: number) => Math.min(BAR - 1, Math.floor((bytes / diskBytes) * BAR));
  const first = cell(startBytes);
  const cells = Math.max(1, cell(startBytes + lengthBytes - 1) - first + 1);
  const used = usedBytes === 0 ? 0 : Math.max(1, Math.round((usedBytes / lengthBytes) * cells));
  return `[${'.'.repeat(first)}${'#'.repeat(used)}${'='.repeat(cells - used)}${'.'.repeat(BAR - first - cells)}]`;
}

export function warningLines(words: Words, warnings: readonly Warning[]): string[] {
  return warnings.map((warning) => {
    const { code, data } = warning;
    return `${isNote(warning) ? '-' : '!'} ${printable(saidOfDisk(words, data, words.t(`warning.${code}`, data)))}`;
  });
}

/** What is said of one of several disks says of which. */
export function saidOfDisk({ t }: Words, { disk }: MessageData, text: string): string {
  return typeof disk === 'number' ? t('disk.said', { number: disk, text }) : text;
}
