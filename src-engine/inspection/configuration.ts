/** What deploy forms begin with, from what is installed and from the machine that it was captured on. */
import type { Guest } from '../contract/guest.contract.ts';
import type { MachineProfile } from '../contract/machine.contract.ts';
import { NOTHING_RECORDED, type RecordedConfiguration } from '../contract/template.contract.ts';

const MAX_NAME = 200;

export function configurationOf(guest: Guest, machine: MachineProfile | null): RecordedConfiguration {
  const modes = guest.bootModes.value ?? [];
  return {
    ...NOTHING_RECORDED,
    operatingSystem: guest.name.value?.slice(0, MAX_NAME) ?? null,
    // a disk that is made for both: as its machine starts, where that is known
    bootMode: modes.length === 1 ? modes[0] : (machine?.firmware ?? null),
    hasCloudInit: guest.hasCloudInit.value,
    cpus: machine?.cores ?? null,
    memoryBytes: machine?.memoryBytes ?? null,
    networks:
      machine?.networks
        ?.filter(({ isPhysical }) => isPhysical)
        .map(({ name }) => name)
        .slice(0, 100) ?? [],
  };
}
