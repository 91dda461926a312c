/** Machines and guests as facts: everything is known and nothing is wrong, but for what a test changes. */
import type { Guest } from '../../src-engine/contract/guest.contract.ts';
import type { MachineProfile } from '../../src-engine/contract/machine.contract.ts';

export const DRIVE = {
  model: 'ST1000',
  serial: 'Z1',
  bus: 'sata',
  lengthBytes: 1e12,
  sectorBytes: 512,
  physicalSectorBytes: 4096,
  isRemovable: false,
  health: 'good',
} as const;

/** A server with BIOS on a board X10, one drive, no TPM, no GPU. */
export function serverProfile(more: Partial<MachineProfile> = {}): MachineProfile {
  return {
    name: 'bench-1',
    recordedAt: '2026-11-20T10:00:00.000Z',
    maker: 'Supermicro',
    product: 'SYS-5018D',
    boardMaker: 'Supermicro',
    board: 'X10SDV-4C',
    firmware: 'bios',
    isVirtual: false,
    processor: 'Xeon D-1518',
    cores: 8,
    memoryBytes: 32 * 2 ** 30,
    drives: [DRIVE],
    arrays: [],
    hasTpm: false,
    graphics: [],
    networks: [{ name: 'eno1', mac: '00:25:90:00:00:01', isPhysical: true, isPublic: true }],
    ...more,
  };
}

const known = <T>(value: T) => ({ value, origin: 'a file' });
const unknown = { value: null, origin: 'a file' };

/** A CentOS 7.6 that starts by BIOS. */
export function centos7(more: Partial<Guest> = {}): Guest {
  return {
    family: known('linux'),
    distribution: known('centos'),
    version: known('7.6'),
    name: known('CentOS Linux 7 (Core)'),
    release: known('centos-7'),
    pointRelease: known('centos-7.6'),
    edition: unknown,
    architecture: known('x86_64'),
    kernels: known([]),
    bootKernel: known('3.10.0-957.el7.x86_64'),
    kernelOrigin: known('distribution'),
    bootLoaders: known([]),
    bootModes: known(['bios']),
    usesLvm: known(false),
    isEncrypted: known(false),
    fstab: known([]),
    usesSwap: known(false),
    mountsByDeviceName: known(false),
    networkSystems: known([]),
    hasCloudInit: known(true),
    guestAgents: known([]),
    sysprepState: unknown,
    machineId: unknown,
    sshHostKeys: known([]),
    isGeneralized: known(true),
    hostname: known('web'),
    endOfLife: unknown,
    warnings: [],
    ...more,
  };
}
