/**
 * What Windows has to find in its registry to start from a disk on virtio: the service, started by the boot loader, and for each device that the
 * service is its driver. Sources: the INF files of virtio-win; Microsoft, "HKLM\\SYSTEM\\CurrentControlSet\\Services registry tree"; the same
 * entries as virt-v2v makes, tried by many.
 */
import {
  binaryValue,
  expandedValue,
  listValue,
  numberValue,
  textValue,
  type HiveValue,
} from '../../windows/hive/hive-values.ts';
import type { VirtioDriver } from './virtio-drivers.ts';

/** The class of storage controllers: Microsoft, "System-defined device setup classes". */
const STORAGE_CLASS = '{4D36E97B-E325-11CE-BFC1-08002BE10318}';
const KERNEL_DRIVER = 1;
const BOOT_START = 0;
const NORMAL_ERROR = 1;
/** A device that the driver fits exactly. */
const DEVICE_FITS = Buffer.from([0x01, 0xff, 0x00, 0x00]);

export interface RegistryEntry {
  /** names of keys, from the root of the hive down */
  readonly path: readonly string[];
  readonly values: readonly HiveValue[];
}

/** @param controlSet the one that Windows starts with: `ControlSet001` */
export const serviceEntry = ({ name }: VirtioDriver, controlSet: string): RegistryEntry => ({
  path: [controlSet, 'Services', name],
  values: [
    numberValue('Type', KERNEL_DRIVER),
    numberValue('Start', BOOT_START),
    numberValue('ErrorControl', NORMAL_ERROR),
    textValue('Group', 'SCSI miniport'),
    expandedValue('ImagePath', `system32\\drivers\\${name}.sys`),
  ],
});

/** Since Windows 8, what a value of this key says of a service goes before the service's own `Start`. */
export const startOverride = ({ name }: VirtioDriver, controlSet: string): RegistryEntry => ({
  path: [controlSet, 'Services', name, 'StartOverride'],
  values: [numberValue('0', BOOT_START)],
});

/** Before Windows 8: which service is a device's, before Plug and Play is there to find it. */
export const criticalDevices = ({ name, devices }: VirtioDriver, controlSet: string): RegistryEntry[] =>
  devices.map((device) => ({
    path: [controlSet, 'Control', 'CriticalDeviceDatabase', `PCI#${device}`],
    values: [textValue('Service', name), textValue('ClassGUID', STORAGE_CLASS)],
  }));

/**
 * Windows 8 and later. The package has a name of ours: what Windows may have of the driver stays, and when Plug and Play installs the files that
 * were put beside it, they get a package of their own.
 */
export function driverDatabase({ name, devices }: VirtioDriver): RegistryEntry[] {
  const inf = `diskpress_${name}.inf`;
  const label = `${inf}_boot`;
  const configuration = `diskpress_${name}`;
  const database = (...names: string[]) => ['DriverDatabase', ...names];
  return [
    {
      path: database('DriverInfFiles', inf),
      values: [listValue('', [label]), textValue('Active', label), listValue('Configurations', [configuration])],
    },
    { path: database('DriverPackages', label), values: [binaryValue('Version', packageVersion())] },
    {
      path: database('DriverPackages', label, 'Configurations', configuration),
      values: [numberValue('ConfigFlags', 0), textValue('Service', name)],
    },
    ...devices.flatMap((device) => [
      { path: database('DeviceIds', 'PCI', device), values: [binaryValue(inf, DEVICE_FITS)] },
      {
        path: database('DriverPackages', label, 'Descriptors', 'PCI', device),
        values: [textValue('Configuration', configuration)],
      },
    ]),
  ];
}

/** The kind of the record, the class of its devices, and neither date nor number: any real package is newer. Windows 10 wants it. */
function packageVersion(): Buffer {
  const bytes = Buffer.alloc(48);
  bytes.writeUInt32LE(0x0009ff00, 0);
  guidBytes(STORAGE_CLASS).copy(bytes, 8);
  return bytes;
}

/** As Windows keeps one: the first three groups with the low byte first. */
function guidBytes(guid: string): Buffer {
  const [first, second, third, ...rest] = guid.slice(1, -1).split('-');
  const turned = [first, second, third].map((group) => Buffer.from(group, 'hex').reverse());
  return Buffer.concat([...turned, Buffer.from(rest.join(''), 'hex')]);
}
