/** Machines that could be real: this one, and profiles of others. What is saved stays until the page is loaded anew. */
import {
  CommandError,
  type CommandParams,
  type ErrorView,
  type MachineProfile,
} from '../../../src-engine/contract/index.ts';
import { ago } from './fake-disks.ts';
import { MACHINES } from './fake-reports.ts';

export const HERE: MachineProfile = {
  name: 'workbench',
  recordedAt: ago(1),
  maker: 'Dell Inc.',
  product: 'Precision 3660',
  boardMaker: 'Dell Inc.',
  board: '0PRR48',
  firmware: 'uefi',
  isVirtual: false,
  processor: 'Intel Core i7-12700',
  cores: 20,
  memoryBytes: 34_359_738_368,
  drives: [
    {
      model: 'Samsung SSD 980 PRO 1TB',
      serial: 'S5GXNF0R812345K',
      bus: 'nvme',
      lengthBytes: 1_000_204_886_016,
      sectorBytes: 512,
      physicalSectorBytes: 512,
      isRemovable: false,
      health: 'good',
    },
    {
      model: 'Kingston DataTraveler 3.0',
      serial: '60A44C413FAE',
      bus: 'usb',
      lengthBytes: 30_943_995_904,
      sectorBytes: 512,
      physicalSectorBytes: 512,
      isRemovable: true,
      health: null,
    },
  ],
  arrays: [],
  hasTpm: true,
  graphics: [{ model: 'Intel UHD Graphics 770', kind: 'display' }],
  networks: [
    { name: 'eno1', mac: '6c:2b:59:e2:10:4f', isPhysical: true, isPublic: null },
    { name: 'virbr0', mac: '52:54:00:1d:be:33', isPhysical: false, isPublic: false },
  ],
};

export const MANY_MACHINES: MachineProfile[] = [
  ...MACHINES,
  ...Array.from({ length: 24 }, (_, i) => ({
    ...MACHINES[0],
    name: `rack 2, node ${String(i + 1).padStart(2, '0')}`,
    firmware: i % 3 ? ('bios' as const) : ('uefi' as const),
    drives: MACHINES[0].drives?.slice(0, 1) ?? null,
    arrays: i % 4 ? [] : null,
    hasTpm: i % 5 ? false : null,
  })),
];

/** A file beside the profiles that a bit was flipped in. */
export const REFUSED_MACHINE: ErrorView = {
  code: 'FORMAT_INVALID',
  message: '',
  hint: '',
  data: { path: '/home/ana/.local/share/diskpress/catalog/machines/rack-3.json', field: 'JSON', value: 'not JSON' },
};

const refused = (view: Pick<ErrorView, 'code' | 'data'>) => new CommandError({ message: '', hint: '', ...view });

/** @throws CommandError as the engine does */
export function saveMachine(machines: MachineProfile[], { profile, replace, seen }: CommandParams<'machine.save'>) {
  const at = machines.findIndex(({ name }) => name === profile.name);
  if (at >= 0 && !replace && seen?.name !== profile.name)
    throw refused({ code: 'NAME_TAKEN', data: { name: profile.name } });
  machines.splice(at < 0 ? machines.length : at, at < 0 ? 0 : 1, profile);
  return profile;
}

export function deleteMachine(machines: MachineProfile[], { name }: CommandParams<'machine.delete'>) {
  machines.splice(
    machines.findIndex((machine) => machine.name === name),
    1,
  );
  return {};
}

/** @throws CommandError for a path with `broken` in it */
export function readMachine({ path }: CommandParams<'machine.read'>): MachineProfile {
  if (!path.includes('broken')) return { ...MACHINES[1], name: 'print room' };
  throw refused({ code: 'FORMAT_INVALID', data: { path, field: 'drives.0.lengthBytes', value: 'expected number' } });
}
