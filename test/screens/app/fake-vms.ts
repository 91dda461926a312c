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
      bootOrder: null,
    },
  ],
  networks: [],
  snapshots: null,
});

const elsewhere = (machineView: Vm, kind: Vm['hypervisor'], place: string, more: Partial<Vm> = {}): Vm => ({
  ...machineView,
  hypervisor: kind,
  place,
  ...more,
});
const HOST = 'root@lab-server';

export const HYPERVISORS: HypervisorView[] = [
  {
    kind: 'libvirt',
    address: 'qemu:///system',
    host: null,
    error: null,
    machines: [
      machine('exam-server with a name that somebody thought about for a while', 'running', 'debian 12', 4, 8),
      machine('lab-golden', 'off', 'debian 13', 2, 4),
      machine('router', 'paused', null, 1, 1),
    ],
  },
  {
    kind: 'vbox',
    address: '',
    host: null,
    machines: [],
    error: {
      code: 'HYPERVISOR_MISSING',
      message: '',
      hint: '',
      data: { hypervisor: 'VirtualBox', tool: 'VBoxManage', package: 'virtualbox', page: 'https://www.virtualbox.org' },
    },
  },
  {
    kind: 'vmx',
    address: '',
    host: null,
    error: null,
    machines: [
      elsewhere(
        machine('windows-lab', 'off', 'windows11', 4, 8),
        'vmx',
        'vmx:/home/u/vmware/windows-lab/windows-lab.vmx',
        {
          snapshots: ['before the update', 'clean'],
        },
      ),
      elsewhere(machine('forensics', 'saved', 'ubuntu', 2, 4), 'vmx', 'vmx:/home/u/vmware/forensics/forensics.vmx', {
        heldBy: 'forensics-564d096b.vmss',
        snapshots: [],
      }),
    ],
  },
  {
    kind: 'qemu',
    address: '',
    host: null,
    error: null,
    machines: [
      elsewhere(machine('try', 'running', null, 1, 1), 'qemu', 'qemu:4711', { heldBy: 'qemu-system-x86_64 (4711)' }),
    ],
  },
  {
    kind: 'libvirt',
    address: `qemu+ssh://${HOST}/system?no_tty=1`,
    host: HOST,
    error: null,
    machines: [elsewhere(machine('web', 'off', 'debian 12', 2, 4), 'libvirt', `libvirt+ssh://${HOST}:web`)],
  },
];

/** Nothing is installed, and nothing is missed. */
export const NO_HYPERVISORS: HypervisorView[] = [
  {
    kind: 'libvirt',
    address: 'qemu:///system',
    host: null,
    machines: [],
    error: {
      code: 'HYPERVISOR_MISSING',
      message: '',
      hint: '',
      data: { hypervisor: 'libvirt', tool: 'virsh', package: 'libvirt-clients' },
    },
  },
  HYPERVISORS[1],
];

export const NO_ANSWER: HypervisorView[] = [
  {
    kind: 'libvirt',
    address: 'qemu:///system',
    host: null,
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
