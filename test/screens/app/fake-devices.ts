/** Attached disks that could be real, and what is seen on them and in image files. */
import type { CommandResult, DeviceView, DiskView, PlaceView } from '../../../src-engine/contract/index.ts';
import { debian, huge, mixed, place, server, stick, windows } from './fake-disks.ts';
import { debianGuest, windowsGuest } from './fake-reports.ts';

const refusedSystem: DeviceView['captureRefusals'] = [{ code: 'MOUNTED_READ_WRITE', details: ['/', '/boot/efi'] }];
function device(where: PlaceView, more: Partial<DeviceView> = {}): DeviceView {
  return {
    ...where,
    kind: 'device',
    bus: 'nvme',
    isRemovable: false,
    isReadOnly: false,
    isRotational: false,
    mounts: [],
    captureRefusals: [],
    deployRefusals: [],
    asksRights: { toRead: false, toWrite: false },
    ...more,
  };
}
export const DISKS: Record<string, DiskView> = {
  '/dev/nvme0n1': debian(),
  '/dev/sda': windows(),
  '/dev/sdb': stick(),
  '/dev/sdc': mixed(),
  '/dev/sdd': huge(),
  '/dev/sde': server(),
};
export const DEVICES = [
  device(place('Samsung SSD 970 EVO Plus', 'S4EWNX0R512345', 256_060_514_304, '/dev/nvme0n1'), {
    mounts: [
      { device: '/dev/nvme0n1p2', path: '/', isReadOnly: false },
      { device: '/dev/nvme0n1p1', path: '/boot/efi', isReadOnly: false },
    ],
    captureRefusals: refusedSystem,
    deployRefusals: [{ code: 'SYSTEM_DISK', details: [] }],
  }),
  device(place('Crucial MX500', '2113E5A0B1C2', 512_110_190_592, '/dev/sda'), { bus: 'sata' }),
  device(place('SanDisk Ultra Fit', '4C530001230912', 31_914_983_424, '/dev/sdb'), { bus: 'usb', isRemovable: true }),
  device(place('Samsung Portable SSD T7', 'S5TCNS0R700123', 2_000_398_934_016, '/dev/sdc'), {
    bus: 'usb',
    isRemovable: true,
  }),
  device(place('Seagate Exos 7E8', 'ZC1A0PYN', 2_000_398_934_016, '/dev/sde'), { bus: 'sas', isRotational: true }),
  device(place('WDC WD180EDGZ', '3WG1K2TN', 18_000_207_937_536, '/dev/sdd'), { bus: 'sata', isRotational: true }),
];

export function inspect(source: string): CommandResult<'source.inspect'> {
  const found = DEVICES.find(({ path }) => path === source);
  const guest = source === '/dev/sda' ? windowsGuest() : debianGuest();
  const seen = found
    ? { source: found, disk: DISKS[source] }
    : {
        source: place(source.split('/').pop() ?? source, '', 64_023_257_088, source),
        disk: debian(64_023_257_088, 6.8e9),
      };
  return { ...seen, disks: [seen], format: 'raw', guest, machine: null };
}
