/** Virtual machines as text. */
import {
  hardDisksOf,
  type HypervisorView,
  type ServedMachineView,
  type Vm,
  type VmDisk,
} from '../../src-engine/contract/index.ts';
import { factLines, joined, listed, yesNo } from './machine-reports.ts';
import { printable } from './printable.ts';
import { table } from './text-table.ts';
import type { Words } from './words.ts';

/** What is not installed takes one line together; a hypervisor that needs no program, and has no machines, takes none. */
export function hypervisorLines(words: Words, hypervisors: readonly HypervisorView[]): string[] {
  const { t } = words;
  const isMissing = ({ error }: HypervisorView) => error?.code === 'HYPERVISOR_MISSING';
  const lines = hypervisors.filter((one) => !isMissing(one)).flatMap((one) => linesOf(words, one));
  const missing = hypervisors.filter(isMissing).map((one) => {
    const { package: named, page } = one.error!.data;
    return `${nameOf(words, one)} (${[named, page].filter(Boolean).join(', ')})`;
  });
  return [
    ...(lines.length > 0 ? lines : [t('cli.no-vms')]),
    ...(missing.length > 0 ? [words.said(t('cli.not-installed'), printable([...new Set(missing)].join(', ')))] : []),
  ];
}

function linesOf(words: Words, hypervisor: HypervisorView): string[] {
  const { t, bytes } = words;
  const { kind, address, machines, error } = hypervisor;
  if (error) return ['what', 'todo'].map((part) => printable(t(`error.${error.code}.${part}`, error.data)));
  const name = `${nameOf(words, hypervisor)}${address ? ` (${printable(address)})` : ''}`;
  if (machines.length === 0) return kind === 'libvirt' || kind === 'vbox' ? [words.said(name, t('cli.no-vms'))] : [];
  return [
    name,
    ...table(
      ['place', 'state', 'system', 'processors', 'memory', 'disks', 'firmware'].map((column) =>
        t(`cli.column.${column}`),
      ),
      machines.map((machine) => [
        printable(machine.place),
        t(`vm.state.${machine.state}`),
        printable(machine.operatingSystem ?? t('cli.unknown')),
        machine.processors === null ? t('cli.unknown') : String(machine.processors),
        machine.memoryBytes === null ? t('cli.unknown') : bytes(machine.memoryBytes),
        String(hardDisksOf(machine).length),
        machine.firmware ? t(`firmware.${machine.firmware}`) : t('cli.unknown'),
      ]),
    ),
  ];
}

const nameOf = ({ t }: Words, { kind }: HypervisorView) => t(`cli.hypervisor.${kind}`);

export function servedLines(words: Words, machines: readonly ServedMachineView[]): string[] {
  const { t } = words;
  if (machines.length === 0) return [t('cli.served-machine.none')];
  return table(
    ['place', 'template', 'state'].map((column) => t(`cli.column.${column}`)),
    machines.map((machine) => [
      printable(machine.place),
      printable(`${machine.templateName}@${machine.versionNumber}`),
      servedState(words, machine),
    ]),
  );
}

function servedState({ t }: Words, { isServed, servedBy, jobId, error }: ServedMachineView): string {
  if (error) return printable(t(`error.${error.code}.what`, error.data));
  if (servedBy !== null) return t('cli.served-machine.elsewhere', { processId: servedBy });
  return t(`cli.served-machine.${jobId ? 'stream' : isServed ? 'served' : 'waits'}`);
}

export function vmLines(words: Words, machine: Vm): string[] {
  const { t, bytes } = words;
  return [
    printable([machine.place, machine.id].filter(Boolean).join('  ')),
    ...factLines(words, [
      ['state', [t(`vm.state.${machine.state}`), machine.heldBy && `(${machine.heldBy})`].filter(Boolean).join(' ')],
      ['system', machine.operatingSystem],
      ['processors', machine.processors === null ? null : String(machine.processors)],
      ['memory', machine.memoryBytes === null ? null : bytes(machine.memoryBytes)],
      ['firmware', machine.firmware && t(`firmware.${machine.firmware}`)],
      ['secure-boot', yesNo(words, machine.hasSecureBoot)],
      ['tpm', yesNo(words, machine.hasTpm)],
      ['machine-model', joined([machine.machineType, machine.architecture])],
      [
        'networks',
        listed(
          words,
          machine.networks.map(({ mac, model, to }) => joined([mac, model, to && `(${to})`]) ?? t('cli.unknown')),
        ),
      ],
      ['snapshots', listed(words, machine.snapshots)],
    ]),
    ...diskTable(words, machine.disks),
  ];
}

function diskTable(words: Words, disks: readonly VmDisk[]): string[] {
  const { t } = words;
  if (disks.length === 0) return [];
  return table(
    ['disk', 'bus', 'format', 'path'].map((column) => t(`cli.column.${column}`)),
    disks.map(({ name, bus, format, path, placed, isOptical }) => [
      printable(name),
      printable(bus ?? t('cli.unknown')),
      printable(isOptical ? t('cli.optical') : (format ?? t('cli.unknown'))),
      printable(placed === 'absent' ? t('report.nothing') : (path ?? t('cli.unknown'))),
    ]),
  ).map((line) => `  ${line}`);
}
