/** How a system is started where nobody says: by what was recorded of its machine, or else by what is on its disk. */
import { DISK_BUSES, type DiskBus } from '../contract/boot.contract.ts';
import type { Guest } from '../contract/guest.contract.ts';
import type { FIRMWARES } from '../contract/machine.contract.ts';
import type { VersionView } from '../contract/template.contract.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { EndOfLifeTable } from '../guest/end-of-life.ts';
import { openVolumes } from '../inspection/disk-inspection.ts';
import { guestOf } from '../inspection/guest-of.ts';

export interface BootFacts {
  readonly firmware: (typeof FIRMWARES)[number];
  readonly memoryBytes: number | null;
  /** it shows a desktop, and asks for no name on a console */
  readonly isGraphical: boolean;
  /** what its disk may be plugged into, the likeliest first */
  readonly likelyBuses: readonly DiskBus[];
}

type Recorded = Pick<VersionView, 'configuration' | 'machine' | 'guest'>;

export function bootFactsOf({ configuration, machine, guest }: Recorded): BootFacts {
  return {
    firmware: configuration.bootMode ?? machine?.firmware ?? firmwareOf(guest),
    memoryBytes: configuration.memoryBytes ?? machine?.memoryBytes ?? null,
    isGraphical: isGraphical(guest),
    likelyBuses: likelyBuses(guest),
  };
}

/** Of a disk that nothing was recorded of. @throws EngineError `READ_FAILED`, `ABORTED` */
export async function bootFactsOn(
  source: BlockSource,
  endOfLife: EndOfLifeTable,
  signal: AbortSignal,
): Promise<BootFacts> {
  const guest = await guestOf(source, await openVolumes(source), endOfLife, signal);
  return {
    firmware: firmwareOf(guest),
    memoryBytes: null,
    isGraphical: isGraphical(guest),
    likelyBuses: likelyBuses(guest),
  };
}

/** What a disk was plugged into, where a virtual machine has the like. */
export function busOf(bus: string | null): DiskBus | null {
  return DISK_BUSES.find((known) => known === bus) ?? null;
}

/** What starts both ways is started in the older one, which needs no more than a disk. */
function firmwareOf(guest: Guest | null): BootFacts['firmware'] {
  const modes = guest?.bootModes.value ?? [];
  return modes.includes('uefi') && !modes.includes('bios') ? 'uefi' : 'bios';
}

/** Kernels for virtual machines only have no driver for a disk that is none of theirs. */
const FOR_VIRTUAL_MACHINES = /-(?:cloud|kvm|virt)\b/;

/** Every system since the old ones knows SATA, which Windows brings along, too: a paravirtual bus only those that were made for it. */
function likelyBuses(guest: Guest | null): readonly DiskBus[] {
  if (guest?.family.value === 'windows') return ['sata'];
  return FOR_VIRTUAL_MACHINES.test(guest?.bootKernel.value ?? '') ? ['virtio', 'sata'] : ['sata', 'virtio'];
}

const isGraphical = (guest: Guest | null): boolean => guest?.family.value === 'windows';
