/** What QEMU is told: a machine without a network whose disks are read through this process, with an overlay that nobody keeps. */
import type { DiskBus, MachineType } from '../../contract/boot.contract.ts';
import type { FIRMWARES } from '../../contract/machine.contract.ts';

export interface MachineDisk {
  readonly bus: DiskBus;
  readonly sectorBytes: number;
  readonly physicalSectorBytes: number;
}

export interface MachineShape {
  readonly firmware: (typeof FIRMWARES)[number];
  readonly isSecureBoot: boolean;
  readonly machineType: MachineType;
  readonly accelerator: 'kvm' | 'tcg';
  readonly memoryBytes: number;
  readonly cores: number;
  /** the one that it boots from is the first */
  readonly disks: readonly MachineDisk[];
  /** a kernel that is started without any boot loader; left out: what the first disk starts */
  readonly direct?: DirectStart;
}

/** Files that were copied for the machine, which may read them. */
export interface DirectStart {
  readonly kernel: string;
  /** null: the kernel needs none */
  readonly firstFile: string | null;
  readonly commandLine: string;
  /** a raw disk beside the others, on the bus of the first: what is written to it stays */
  readonly exchange: string;
}

/** Where UEFI lies; null for BIOS, which QEMU brings along. */
export interface FirmwareFiles {
  readonly code: string;
  /** a copy of its own, which it may write to */
  readonly variables: string;
}

/** Descriptors that QEMU inherits: its monitor, and one for each disk after that. */
export const MONITOR_FD = 3;
export const FIRST_DISK_FD = 4;

/** No more are started with it: what is behind them has no part in a boot. */
export const MAX_BOOT_DISKS = 6;

/** Two channels of two. */
const MAX_OLD_DISKS = 4;

const MIB = 1024 * 1024;

/** The oldest guests know no other bus than that of the oldest machine. */
export const usualMachineType = (firmware: MachineShape['firmware'], buses: readonly DiskBus[]): MachineType =>
  firmware === 'bios' && buses.includes('ide') ? 'pc' : 'q35';

export function qemuArguments(shape: MachineShape, firmware: FirmwareFiles | null): string[] {
  const { accelerator, memoryBytes, cores, disks, isSecureBoot } = shape;
  const isOld = shape.machineType === 'pc';
  const machine = `${shape.machineType}${isSecureBoot ? ',smm=on' : ''}`;
  const used = disks.slice(0, isOld && disks.some(({ bus }) => bus === 'ide') ? MAX_OLD_DISKS : MAX_BOOT_DISKS);
  const has = (bus: DiskBus) => used.some((disk) => usedBus(disk) === bus);
  return [
    ...['-nodefaults', '-no-user-config', '-name', 'diskpress'],
    ...['-machine', machine, '-accel', accelerator === 'tcg' ? 'tcg,thread=multi' : 'kvm'],
    ...['-cpu', accelerator === 'tcg' ? 'max' : 'host', '-smp', `${cores}`, '-m', `${Math.floor(memoryBytes / MIB)}M`],
    ...(firmware ? firmwareArguments(firmware, isSecureBoot) : []),
    ...['-display', 'none', '-vga', 'std', '-nic', 'none', '-boot', 'strict=on', '-action', 'shutdown=pause'],
    ...['-chardev', `socket,id=monitor,fd=${MONITOR_FD}`, '-mon', 'chardev=monitor,mode=control'],
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    // guests without randomness wait for some
    ...['-device', 'virtio-rng-pci'],
    ...(has('scsi') ? ['-device', 'virtio-scsi-pci,id=scsi0'] : []),
    ...(isOld && has('sata') ? ['-device', 'ahci,id=sata'] : []),
    ...used.flatMap((disk, i) => diskArguments(disk, i, isOld, shape.direct ? i + 1 : i)),
    ...(shape.direct ? directArguments(shape.direct, used, isOld) : []),
    // what a guest may make of a fault in QEMU: nothing else is started, no rights are gained
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
  ];
}

function directArguments(
  { kernel, firstFile, commandLine, exchange }: DirectStart,
  used: readonly MachineDisk[],
  isOld: boolean,
): string[] {
  const i = used.length;
  const path = exchange.replaceAll(',', ',,');
  const drive = ['if=none', `id=disk${i}`, 'format=raw', 'cache=unsafe', `file=${path}`];
  return [
    ...['-kernel', kernel, ...(firstFile === null ? [] : ['-initrd', firstFile]), '-append', commandLine],
    ...['-drive', drive.join(','), '-device', deviceOf(used[0], i, isOld, i + 1)],
  ];
}

function firmwareArguments({ code, variables }: FirmwareFiles, isSecureBoot: boolean): string[] {
  const path = (name: string) => name.replaceAll(',', ',,');
  return [
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${path(code)}`],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${path(variables)}`],
    ...(isSecureBoot ? ['-global', 'driver=cfi.pflash01,property=secure,value=on'] : []),
  ];
}

/** @param turn which is asked to start the machine, the lowest first: a kernel that is started directly is asked at 0 */
function diskArguments(disk: MachineDisk, i: number, isOld: boolean, turn: number): string[] {
  const file = `driver=nbd,server.type=fd,server.str=${FIRST_DISK_FD + i}`.split(',').map((part) => `file.${part}`);
  const drive = ['if=none', `id=disk${i}`, 'driver=raw', 'snapshot=on', 'cache=unsafe', 'discard=unmap', ...file];
  return ['-drive', drive.join(','), '-device', deviceOf(disk, i, isOld, turn)];
}

function deviceOf(disk: MachineDisk, i: number, isOld: boolean, turn: number): string {
  const sectors = `logical_block_size=${disk.sectorBytes},physical_block_size=${Math.max(disk.sectorBytes, disk.physicalSectorBytes)}`;
  const common = `drive=disk${i},bootindex=${turn}`;
  return {
    // q35 brings its own controller, whose ports have the names of the old one's channels
    sata: `ide-hd,bus=${isOld ? 'sata' : 'ide'}.${i},${common}`,
    ide: `ide-hd,bus=ide.${isOld ? `${i >> 1},unit=${i & 1}` : i},${common}`,
    virtio: `virtio-blk-pci,${common},${sectors}`,
    scsi: `scsi-hd,bus=scsi0.0,${common},${sectors}`,
    nvme: `nvme,serial=disk${i},${common},${sectors}`,
  }[usedBus(disk)];
}

/** Disks of SATA and IDE have sectors of 512 bytes in QEMU. */
export function usedBus({ bus, sectorBytes }: MachineDisk): DiskBus {
  return sectorBytes !== 512 && (bus === 'sata' || bus === 'ide') ? 'nvme' : bus;
}
