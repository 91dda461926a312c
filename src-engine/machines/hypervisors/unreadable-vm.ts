/** A machine that is there and of which nothing more can be read. */
import type { HypervisorKind, Vm } from '../../contract/vm.contract.ts';

export function unreadableVm(hypervisor: HypervisorKind, place: string, name: string, id: string): Vm {
  return {
    place,
    hypervisor,
    name,
    id,
    state: 'unknown',
    operatingSystem: null,
    processors: null,
    memoryBytes: null,
    firmware: null,
    hasSecureBoot: false,
    hasTpm: false,
    machineType: null,
    architecture: null,
    disks: [],
    networks: [],
    snapshots: null,
  };
}
