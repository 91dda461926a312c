/** Machines and what is installed on a disk, as text. */
import type { Guest, MachineProfile } from '../../src-engine/contract/index.ts';
import { warningLines } from './disk-reports.ts';
import { printable } from './printable.ts';
import { table } from './text-table.ts';
import type { Words } from './words.ts';

export function machineLines(words: Words, machine: MachineProfile): string[] {
  const { t, bytes, date } = words;
  const { drives, arrays, networks } = machine;
  const processor = [machine.processor, machine.cores === null ? null : t('cli.cores', { count: machine.cores })];
  const graphics = machine.graphics?.map(({ model, kind }) => `${model} (${t(`cli.graphics.${kind}`)})`);
  return [
    printable(`${machine.name}  ${date(machine.recordedAt)}`),
    ...factLines(words, [
      ['machine-model', joined([machine.maker, machine.product])],
      ['board', joined([machine.boardMaker, machine.board])],
      ['virtual', yesNo(words, machine.isVirtual)],
      ['firmware', machine.firmware && t(`firmware.${machine.firmware}`)],
      ['processor', joined(processor)],
      ['memory', machine.memoryBytes === null ? null : bytes(machine.memoryBytes)],
      ['tpm', yesNo(words, machine.hasTpm)],
      ['graphics', listed(words, graphics)],
      [
        'raid',
        listed(
          words,
          arrays?.map(({ name, level }) => joined([name, level ?? t('cli.unknown')])!),
        ),
      ],
      [
        'networks',
        listed(
          words,
          networks?.map(({ name, mac }) => joined([name, mac])!),
        ),
      ],
    ]),
    ...(drives === null ? factLines(words, [['drives', null]]) : driveTable(words, drives)),
  ];
}

export function machineListLines(words: Words, machines: readonly MachineProfile[]): string[] {
  const { t, date } = words;
  if (machines.length === 0) return [t('cli.no-machines')];
  return table(
    ['name', 'model', 'firmware', 'drives', 'created'].map((column) => t(`cli.column.${column}`)),
    machines.map((machine) => [
      printable(machine.name),
      printable(joined([machine.maker, machine.product]) ?? t('cli.unknown')),
      machine.firmware ? t(`firmware.${machine.firmware}`) : t('cli.unknown'),
      machine.drives === null ? t('cli.unknown') : String(machine.drives.length),
      date(machine.recordedAt),
    ]),
  );
}

/** A few lines: what it is, how it starts, whose identity it has. */
export function guestLines(words: Words, guest: Guest | null): string[] {
  if (guest === null) return [];
  const { t } = words;
  const { name, version, architecture, bootKernel, kernelOrigin, bootModes, endOfLife } = guest;
  if (guest.family.value === null && name.value === null)
    return [t('cli.no-system'), ...warningLines(words, guest.warnings)];
  const origin = kernelOrigin.value && t(`report.is.${kernelOrigin.value}`);
  const system = joined([name.value ?? joined([guest.distribution.value, version.value]), architecture.value]);
  const isLinux = guest.family.value === 'linux';
  const rows: [string, string | null][] = [
    ['system', system],
    ...(isLinux ? [['kernel', joined([bootKernel.value, origin && `(${origin})`])] as [string, string | null]] : []),
    [
      'boot-modes',
      listed(
        words,
        bootModes.value?.map((mode) => t(`firmware.${mode}`)),
      ),
    ],
    ['end-of-life', endOfLife.value && t('cli.end-of-life', endOfLife.value)],
    ['hostname', guest.hostname.value],
    ['generalized', yesNo(words, guest.isGeneralized.value)],
    ['cloud-init', yesNo(words, guest.hasCloudInit.value)],
    ['network-systems', listed(words, guest.networkSystems.value)],
  ];
  return [...factLines(words, rows), ...warningLines(words, guest.warnings)];
}

function driveTable(words: Words, drives: NonNullable<MachineProfile['drives']>): string[] {
  const { t, bytes } = words;
  const rows = drives.map((drive) => [
    printable(drive.model),
    printable(drive.serial),
    drive.bus,
    bytes(drive.lengthBytes),
    t(`cli.drive-health.${drive.health ?? 'unknown'}`),
  ]);
  const head = ['model', 'serial', 'bus', 'size', 'health'].map((column) => t(`cli.column.${column}`));
  return drives.length === 0
    ? factLines(words, [['drives', t('report.nothing')]])
    : table(head, rows).map((line) => `  ${line}`);
}

/** Names that line up; null: unknown. */
export function factLines({ t }: Words, rows: readonly (readonly [string, string | null])[]): string[] {
  return table(
    null,
    rows.map(([name, value]) => [t(`cli.fact.${name}`), printable(value ?? t('cli.unknown'))]),
  );
}

export function joined(parts: readonly (string | null)[]): string | null {
  return parts.filter((part) => part !== null && part !== '').join(' ') || null;
}

export function listed({ t }: Words, values: readonly string[] | null | undefined): string | null {
  if (!values) return null;
  return values.length === 0 ? t('report.nothing') : values.join(', ');
}

export function yesNo({ t }: Words, value: boolean | null): string | null {
  return value === null ? null : t(value ? 'report.yes' : 'report.no');
}
