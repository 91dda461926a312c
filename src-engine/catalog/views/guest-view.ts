/** Guests and machines of records as they are shown. Both have null for what is unknown: a word that is not known is that. */
import {
  BOOT_LOADERS,
  FSTAB_REFERENCES,
  GUEST_FAMILIES,
  KERNEL_ORIGINS,
  type Guest,
} from '../../contract/guest.contract.ts';
import {
  ARRAY_KINDS,
  DRIVE_HEALTHS,
  FIRMWARES,
  GRAPHICS_KINDS,
  type MachineProfile,
} from '../../contract/machine.contract.ts';
import { VM_CARD_KINDS, VM_CLOCKS, VM_DISK_KINDS, type VmDefinition } from '../../contract/vm.contract.ts';
import type { GuestRecord, MachineRecord, VmRecord } from '../records/index.ts';
import { knownOrNull, warningView } from './known.ts';

export function guestView(guest: GuestRecord): Guest {
  const { family, kernels, kernelOrigin, bootLoaders, bootModes, fstab } = guest;
  return {
    ...guest,
    family: { ...family, value: knownOrNull(GUEST_FAMILIES, family.value) },
    kernels: {
      ...kernels,
      value: kernels.value?.map((kernel) => ({ ...kernel, kind: knownOrNull(KERNEL_ORIGINS, kernel.kind) })) ?? null,
    },
    kernelOrigin: { ...kernelOrigin, value: knownOrNull(KERNEL_ORIGINS, kernelOrigin.value) },
    bootLoaders: {
      ...bootLoaders,
      value: all(bootLoaders.value, ({ kind, ...loader }) => {
        const own = knownOrNull(BOOT_LOADERS, kind);
        return own && { ...loader, kind: own };
      }),
    },
    bootModes: { ...bootModes, value: all(bootModes.value, (mode) => knownOrNull(FIRMWARES, mode)) },
    fstab: {
      ...fstab,
      value:
        fstab.value?.map((entry) => ({
          ...entry,
          reference: knownOrNull(FSTAB_REFERENCES, entry.reference) ?? 'other',
        })) ?? null,
    },
    warnings: guest.warnings.map(warningView),
  };
}

export function machineView(machine: MachineRecord): MachineProfile {
  const { firmware, drives, arrays, graphics } = machine;
  return {
    ...machine,
    firmware: knownOrNull(FIRMWARES, firmware),
    drives: drives?.map((drive) => ({ ...drive, health: knownOrNull(DRIVE_HEALTHS, drive.health) })) ?? null,
    arrays: all(arrays, (array) => {
      const kind = knownOrNull(ARRAY_KINDS, array.kind);
      return kind && { ...array, kind };
    }),
    graphics: all(graphics, (card) => {
      const kind = knownOrNull(GRAPHICS_KINDS, card.kind);
      return kind && { ...card, kind };
    }),
  };
}

export function definitionView(definition: VmRecord): VmDefinition {
  const { firmware, clock, disks, cards } = definition;
  return {
    ...definition,
    firmware: knownOrNull(FIRMWARES, firmware),
    clock: clock === null ? null : (knownOrNull(VM_CLOCKS, clock) ?? 'other'),
    // a device of a kind that this version does not know is none that it could make
    disks: disks.flatMap((disk) => {
      const kind = knownOrNull(VM_DISK_KINDS, disk.kind);
      return kind ? [{ ...disk, kind }] : [];
    }),
    cards: cards.map((card) => ({ ...card, kind: knownOrNull(VM_CARD_KINDS, card.kind) ?? 'other' })),
  };
}

/** A list of which a part is not known is not known. */
function all<T, V>(list: readonly T[] | null, view: (one: T) => V | null): V[] | null {
  if (list === null) return null;
  const shown = list.map(view);
  return shown.every((one) => one !== null) ? (shown as V[]) : null;
}
