/** Virtual machines of pictures. */
import type { HypervisorView, Vm } from '../../../src-engine/contract/index.ts';

const machine = (name: string, state: Vm['state'], system: string | null, processors: number, gib: number): Vm => ({
  place: `libvirt:${name}`,
  hypervisor: 'libvirt',
  name,
  id: name,
  state,
  operatingSystem: system,
  processors,
  memoryBytes: gib * 2 ** 30,
  firmware: 'uefi',
  hasSecureBoot: false,
  hasTpm: false,
  machineType: 'pc-q35-7.2',
  architecture: 'x86_64',
  disks: [
    {
      name: 'vda',
      isOptical: false,
      bus: 'virtio',
      placed: 'file',
      path: `/var/lib/libvirt/images/${name}.qcow2`,
      format: 'qcow2',
      isReadOnly: false,
      isShared: false,
      serial: null,
    },
  ],
  networks: [],
  snapshots: null,
});

export const HYPERVISORS: HypervisorView[] = [
  {
    kind: 'libvirt',
    address: 'qemu:///system',
    error: null,
    machines: [
      machine('exam-server with a name that somebody thought about for a while', 'running', 'debian 12', 4, 8),
      machine('lab-golden', 'off', 'debian 13', 2, 4),
      machine('router', 'paused', null, 1, 1),
    ],
  },
];

export const NO_ANSWER: HypervisorView[] = [
  {
    kind: 'libvirt',
    address: 'qemu:///system',
    machines: [],
    error: {
      code: 'HYPERVISOR_UNREACHABLE',
      message: '',
      hint: '',
      data: {
        hypervisor: 'libvirt',
        address: 'qemu:///system',
        said: 'authentication unavailable: no polkit agent available to authenticate action ’org.libvirt.unix.manage’',
      },
    },
  },
];
