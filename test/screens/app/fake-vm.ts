/** A machine that a deploy would make, as the engine plans it. */
import type { CommandParams, PlannedVm } from '../../../src-engine/contract/index.ts';
import { uuid } from './fake-disks.ts';

export function fakeVm(place: string, choice: NonNullable<CommandParams<'deploy.plan'>['vm']>): PlannedVm {
  const name = place.slice(place.indexOf(':') + 1);
  const { processors = 4, memoryBytes = 4 * 2 ** 30, pool = 'default', start = false } = choice;
  return {
    ...{ place, hypervisor: 'libvirt', name, id: uuid(91), isReload: false, generationId: uuid(92), pool, start },
    ...{ processors, memoryBytes, firmware: 'uefi', isSecureBoot: false, hasTpm: false, machineType: 'q35' },
    ...{ accelerator: 'kvm', clock: 'utc', variables: `/var/lib/libvirt/images/${name}_VARS.fd`, keptDisk: null },
    disks: [
      {
        ...{ disk: 1, path: `/var/lib/libvirt/images/${name}.qcow2`, format: 'qcow2', name: 'vda', bus: 'virtio' },
        ...{ sectorBytes: 512, serial: '7f3a9c1e22b4d605', isBoot: true },
      },
    ],
    networks: [{ kind: 'network', name: 'default', mac: '52:54:00:3c:91:7e', model: 'virtio' }],
    notes: [
      {
        field: 'processors',
        from: choice.processors ? 'chosen' : 'adjusted',
        value: String(processors),
        recorded: '16',
      },
      { field: 'memory', from: 'recorded', value: String(memoryBytes), recorded: String(memoryBytes) },
      { field: 'firmware', from: 'recorded', value: 'uefi', recorded: 'uefi' },
      { field: 'machine-type', from: 'usual', value: 'q35', recorded: null },
      { field: 'bus', from: 'recorded', value: 'virtio', recorded: 'virtio' },
      { field: 'network', from: 'adjusted', value: 'network default', recorded: 'network lab' },
    ],
    bootProof: null,
  } as PlannedVm;
}
