/** The hardware of a new virtual machine: what was recorded, as far as this host has it; what a person chose goes first. */
import type { DiskBus, MachineType } from '../../../contract/boot.contract.ts';
import { secureBootNeeds } from '../../../contract/boot.contract.ts';
import type { PlannedVm, VmChoice, VmNetworkChoice } from '../../../contract/new-vm.contract.ts';
import type { VersionView } from '../../../contract/template.contract.ts';
import type { Check } from '../../../contract/warnings.ts';
import { bootFactsOf, busOf } from '../../../judgement/boot-facts.ts';
import type { Abilities } from '../../../machines/hypervisors/maker.port.ts';
import { usualMachineType } from '../../../machines/qemu/arguments.ts';

const MIB = 1024 * 1024;
const USUAL_MEMORY_BYTES = 2048 * MIB;
const LEAST_MEMORY_BYTES = 128 * MIB;
const USUAL_PROCESSORS = 2;
/** The host's own system needs some, too. */
const MEMORY_SHARE = 0.75;
const MAX_CARDS = 8;
/** Two channels of two. */
const MAX_IDE_DISKS = 4;

export interface Host {
  readonly processors: number;
  readonly memoryBytes: number;
  readonly networks: readonly { readonly name: string; readonly isActive: boolean }[];
  isBridge(name: string): boolean;
  abilities(machineType: MachineType): Promise<Abilities>;
}

/** One of its disks, as a template has it. */
export interface TemplateDisk {
  readonly disk: number;
  readonly bus: string | null;
  readonly sectorBytes: number;
}

type Fields = 'processors' | 'memoryBytes' | 'firmware' | 'isSecureBoot' | 'hasTpm' | 'machineType' | 'accelerator';
export interface Hardware extends Pick<PlannedVm, Fields | 'clock' | 'notes'> {
  /** of each disk, in their order */
  readonly buses: readonly DiskBus[];
  readonly cards: readonly Omit<PlannedVm['networks'][number], 'mac'>[];
  readonly checks: readonly Check[];
}

type Recorded = Pick<VersionView, 'configuration' | 'machine' | 'guest' | 'platform'>;
type Note = PlannedVm['notes'][number];

/** @throws EngineError what asking the hypervisor throws */
export async function hardwareOf(
  name: string,
  version: Recorded,
  disks: readonly TemplateDisk[],
  choice: VmChoice,
  host: Host,
): Promise<Hardware> {
  const { configuration, machine, guest } = version;
  const facts = bootFactsOf(version);
  const notes: Note[] = [];
  const checks: Check[] = [];
  const note = (field: Note['field'], from: Note['from'], value: string | number, recorded: string | number | null) =>
    void notes.push({ field, from, value: String(value), recorded: recorded === null ? null : String(recorded) });

  /** What was chosen; else what was recorded, or what of that there can be here; else what is usual. */
  function of<T extends string | number>(
    field: Note['field'],
    chosen: T | undefined,
    recorded: T | null,
    possible: T | null,
    usual: T,
  ): T {
    const value = chosen ?? possible ?? usual;
    const from =
      chosen !== undefined ? 'chosen' : recorded === null ? 'usual' : value === recorded ? 'recorded' : 'adjusted';
    note(field, from, value, recorded);
    return value;
  }

  const cores = configuration.cpus ?? machine?.cores ?? null;
  const processors = of(
    'processors',
    choice.processors,
    cores,
    cores && Math.min(cores, host.processors),
    Math.min(USUAL_PROCESSORS, host.processors),
  );
  if (processors > host.processors)
    checks.push({ code: 'VM_PROCESSORS_OVER_HOST', level: 'warn', data: { name, processors, host: host.processors } });

  const mostMemory = wholeMib(host.memoryBytes * MEMORY_SHARE);
  const recordedMemory = configuration.memoryBytes ?? machine?.memoryBytes ?? null;
  const memoryBytes = of(
    'memory',
    choice.memoryBytes && wholeMib(choice.memoryBytes),
    recordedMemory && wholeMib(recordedMemory),
    recordedMemory && Math.max(LEAST_MEMORY_BYTES, Math.min(wholeMib(recordedMemory), mostMemory)),
    Math.min(USUAL_MEMORY_BYTES, mostMemory),
  );
  if (memoryBytes > host.memoryBytes) {
    const data = { name, memoryBytes, hostBytes: host.memoryBytes };
    checks.push({ code: 'VM_MEMORY_OVER_HOST', level: 'warn', data });
  }

  const isSecureBoot = choice.isSecureBoot ?? false;
  const recordedFirmware = configuration.bootMode ?? machine?.firmware ?? null;
  const chosenFirmware = choice.firmware ?? (isSecureBoot ? 'uefi' : undefined);
  const firmware = of('firmware', chosenFirmware, recordedFirmware, recordedFirmware, facts.firmware);

  const wantedBuses = disks.map(({ bus }) => choice.bus ?? busOf(bus));
  const recordedType = typeIn(version);
  const buses = wantedBuses.map((bus) => bus ?? facts.likelyBuses[0]);
  const usualType = isSecureBoot ? 'q35' : usualMachineType(firmware, buses);
  const possibleType = firmware === 'bios' ? recordedType : recordedType && 'q35';
  const machineType = of('machine-type', choice.machineType, recordedType, possibleType, usualType);
  const used = busesOf(buses, disks, machineType, isLinux(version));
  const [first] = used;
  const recordedBus = disks[0]?.bus ?? null;
  note('bus', fromOf(choice.bus, recordedBus, first), [...new Set(used)].join(', '), recordedBus);

  const needs = secureBootNeeds({ isSecureBoot, firmware, machineType });
  if (needs) checks.push({ code: 'VM_SECURE_BOOT_NEEDS', level: 'block', data: { name, needs } });

  const abilities = await host.abilities(machineType);
  const missing = (what: string, packageName: string) =>
    checks.push({ code: 'VM_FEATURE_MISSING', level: 'block', data: { name, what, package: packageName } });
  if (firmware === 'uefi' && !abilities.hasUefi) missing('UEFI', 'ovmf');
  else if (isSecureBoot && !needs && !abilities.hasSecureBoot) missing('secure boot', 'ovmf');

  const hadTpm = machine?.isVirtual === true && machine.hasTpm === true;
  if (choice.hasTpm && !abilities.hasTpm) missing('TPM', 'swtpm-tools');
  const hasTpm = choice.hasTpm ?? (hadTpm && abilities.hasTpm);
  if (hadTpm && choice.hasTpm === undefined) {
    note('tpm', hasTpm ? 'recorded' : 'adjusted', hasTpm ? 'yes' : 'no', 'yes');
    // what was sealed by the old one cannot be opened by any other
    const data = { name, package: 'swtpm-tools' };
    checks.push({ code: hasTpm ? 'VM_TPM_IS_NEW' : 'VM_TPM_LEFT_OUT', level: 'warn', data });
  }

  const architecture = guest?.architecture.value ?? null;
  if (architecture !== null && !/^(?:x86_64|amd64|x64|i[3-6]86|x86)$/i.test(architecture))
    checks.push({ code: 'VM_ARCHITECTURE', level: 'block', data: { name, architecture } });

  const model = first === 'virtio' || isLinux(version) ? 'virtio' : machineType === 'pc' ? 'e1000' : 'e1000e';
  const cards = cardsOf(name, version, choice, host, checks, note).map((card) => ({ ...card, model }));
  return {
    ...{ processors, memoryBytes, firmware, isSecureBoot, hasTpm, machineType, buses: used, cards, notes, checks },
    accelerator: abilities.accelerator,
    clock: guest?.family.value === 'windows' ? 'localtime' : 'utc',
  };
}

const wholeMib = (bytes: number) => Math.floor(bytes / MIB) * MIB;

const isLinux = ({ guest }: Recorded) => guest?.family.value === 'linux';

const fromOf = (chosen: unknown, recorded: string | null, value: string): Note['from'] =>
  chosen !== undefined ? 'chosen' : recorded === null ? 'usual' : recorded === value ? 'recorded' : 'adjusted';

/** 'pc-q35-7.2', 'pc-i440fx-7.2': a machine of another hypervisor is of no type here. */
function typeIn({ machine }: Recorded): MachineType | null {
  const product = machine?.isVirtual ? (machine.product ?? '') : '';
  if (/q35/.test(product)) return 'q35';
  return /^pc(?:-i440fx.*|-\d.*)?$/.test(product) ? 'pc' : null;
}

/** Libvirt has no disks on NVMe; q35 has no IDE, and only paravirtual buses have sectors of other lengths than 512 bytes. */
function busesOf(
  wanted: readonly DiskBus[],
  disks: readonly TemplateDisk[],
  machineType: MachineType,
  isLinuxGuest: boolean,
): DiskBus[] {
  let ideDisks = 0;
  return wanted.map((bus, i) => {
    if (disks[i].sectorBytes !== 512 && bus !== 'virtio' && bus !== 'scsi') return isLinuxGuest ? 'virtio' : 'scsi';
    if (bus === 'nvme') return 'sata';
    if (bus !== 'ide') return bus;
    return machineType === 'pc' && ++ideDisks <= MAX_IDE_DISKS ? 'ide' : 'sata';
  });
}

type Card = Omit<PlannedVm['networks'][number], 'mac' | 'model'>;

function cardsOf(
  name: string,
  { configuration, machine }: Recorded,
  { networks }: VmChoice,
  host: Host,
  checks: Check[],
  note: (field: 'network', from: Note['from'], value: string, recorded: string | null) => void,
): Card[] {
  const isHere = ({ kind, name: to }: Omit<VmNetworkChoice, 'mac'>) =>
    kind === 'user' || (kind === 'network' ? host.networks.some((one) => one.name === to) : host.isBridge(to));
  const isUp = ({ kind, name: to }: Card) =>
    kind !== 'network' || host.networks.some((one) => one.name === to && one.isActive);
  if (networks) {
    for (const card of networks) {
      const data = { name, kind: card.kind, network: card.name };
      if (!isHere(card)) checks.push({ code: 'VM_NETWORK_MISSING', level: 'block', data });
      else if (!isUp(card)) checks.push({ code: 'VM_NETWORK_DOWN', level: 'warn', data });
      note('network', 'chosen', wordOf(card), null);
    }
    return networks.map(({ kind, name: to }) => ({ kind, name: kind === 'user' ? '' : to }));
  }
  const fallback: Card = host.networks.some((one) => one.name === 'default' && one.isActive)
    ? { kind: 'network', name: 'default' }
    : { kind: 'user', name: '' };
  const physical = machine?.networks?.filter(({ isPhysical }) => isPhysical).length ?? 1;
  const count = Math.min(MAX_CARDS, Math.max(configuration.networks.length, physical));
  return Array.from({ length: count }, (_, i) => {
    const recorded = configuration.networks[i] ?? null;
    const said = cardIn(recorded ?? '');
    const card = wordOf(said) === recorded && isHere(said) && isUp(said) ? said : fallback;
    note('network', recorded === null ? 'usual' : card === said ? 'recorded' : 'adjusted', wordOf(card), recorded);
    return card;
  });
}

const wordOf = ({ kind, name }: Card) => [kind, name].filter(Boolean).join(' ');

/** As it is recorded of a card: 'network default', 'bridge br0', 'user'. What is of no such kind is nothing of this host. */
export function cardIn(recorded: string): Card {
  const [, kind, name] = /^(network|bridge) (.+)$/.exec(recorded) ?? [];
  return kind === undefined ? { kind: 'user', name: '' } : { kind: kind as Card['kind'], name };
}
