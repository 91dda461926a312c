/** Disks that could be real. */
import type {
  DiskView,
  InnerVolumeView,
  PlaceView,
  VolumeGroupView,
  VolumeView,
} from '../../../src-engine/contract/index.ts';
import { fakeAccount } from './fake-account.ts';

export const MIB = 2 ** 20;
const GIB = 2 ** 30;
export const NOW = Date.now();
export const ago = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString();
export const uuid = (n: number) => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

type Part = Partial<VolumeView> & {
  lengthBytes: number;
  fs?: [kind: NonNullable<VolumeView['fileSystem']>['kind'], label: string];
};

/** Volumes one after the other from 1 MiB on; `gapBytes` leaves room before one. */
export function disk(
  lengthBytes: number,
  parts: (Part & { gapBytes?: number })[],
  more: Partial<DiskView> = {},
): DiskView {
  let at = MIB;
  const volumes = parts.map(({ fs, gapBytes = 0, ...part }, index): VolumeView => {
    const startBytes = at + gapBytes;
    at = startBytes + part.lengthBytes;
    const usedBytes = part.usedBytes ?? part.lengthBytes;
    return {
      index,
      ref: `${index + 1}`,
      number: index + 1,
      partitionUuid: uuid(index),
      startBytes,
      typeId: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
      name: '',
      isLogical: false,
      isBootable: false,
      recognised: null,
      recognisedLabel: '',
      recognisedUuid: '',
      captureAs: fs ? (fs[0] === 'swap' ? 'header-only' : 'used-blocks') : 'whole',
      warnings: [],
      ...part,
      usedBytes,
      fileSystem: fs
        ? { kind: fs[0], label: fs[1], uuid: uuid(index), blockBytes: 4096, lengthBytes: part.lengthBytes, usedBytes }
        : null,
    };
  });
  const usedBytes = volumes.reduce((sum, volume) => sum + volume.usedBytes, 2 * MIB);
  return {
    lengthBytes,
    sectorBytes: 512,
    physicalSectorBytes: 4096,
    table: 'gpt',
    tableId: uuid(99).toUpperCase(),
    volumes,
    groups: [],
    usedBytes,
    warnings: [],
    account: fakeAccount({ lengthBytes, volumes, usedBytes }),
    ...more,
  };
}

const EFI = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';
const SWAP = '0657FD6D-A4AB-43C4-84E5-0933C84B4F4F';
const BASIC = 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7';

export const debian = (capacity = 256_060_514_304, used = 31_200_000_000) =>
  disk(capacity, [
    { lengthBytes: 512 * MIB, usedBytes: 6.1e6, typeId: EFI, fs: ['fat32', 'EFI'] },
    { lengthBytes: Math.floor(capacity * 0.6), usedBytes: used, fs: ['ext4', 'debian-root'] },
    { lengthBytes: 8 * GIB, usedBytes: 4096, typeId: SWAP, fs: ['swap', ''] },
  ]);
export const windows = () =>
  disk(512_110_190_592, [
    { lengthBytes: 100 * MIB, usedBytes: 32e6, typeId: EFI, fs: ['fat32', 'SYSTEM'] },
    { lengthBytes: 16 * MIB, typeId: 'E3C9E316-0B5C-4DB8-817D-F92DF00215AE', name: 'Microsoft reserved partition' },
    { lengthBytes: 470 * GIB, usedBytes: 118e9, typeId: BASIC, name: 'Basic data partition', fs: ['ntfs', 'Windows'] },
    { lengthBytes: 750 * MIB, usedBytes: 602e6, typeId: 'DE94BBA4-06D1-4D40-A16A-BFD50179D6AC', fs: ['ntfs', ''] },
  ]);
export const mixed = () =>
  disk(2_000_398_934_016, [
    { lengthBytes: MIB, usedBytes: MIB, typeId: '21686148-6449-6E6F-744E-656564454649' },
    { lengthBytes: 1 * GIB, usedBytes: 301e6, fs: ['ext4', 'boot'] },
    { lengthBytes: 400 * GIB, recognised: 'luks', name: 'vault' },
    { lengthBytes: 700 * GIB, recognised: 'lvm2', typeId: 'E6D6D379-F507-44C2-A23C-238F2A3DF928' },
    { lengthBytes: 300 * GIB, usedBytes: 212e9, typeId: BASIC, fs: ['fat32', 'PHOTOS'], gapBytes: 80 * GIB },
  ]);
export const stick = () =>
  disk(31_914_983_424, [{ lengthBytes: 29 * GIB, usedBytes: 11.4e9, typeId: '0C', fs: ['fat32', 'TOOLS'] }], {
    table: 'mbr',
  });
/** Nothing is known on it: whatever it is, it would be taken as it is. */
export const unknown = () => {
  const whole = { lengthBytes: 2_147_483_648, number: null, ref: '0', typeId: '', gapBytes: -MIB };
  return disk(whole.lengthBytes, [whole], { table: 'none', tableId: '', usedBytes: whole.lengthBytes });
};
export const huge = () =>
  disk(
    18_000_207_937_536,
    Array.from({ length: 40 }, (_, i) => ({
      lengthBytes: (i % 7 === 0 ? 900 : 40) * GIB,
      usedBytes: (i % 5) * 6 * GIB,
      fs: ['ext4', `data-${i + 1}`] as ['ext4', string],
    })),
  );

export const place = (model: string, serial: string, lengthBytes: number, path: string): PlaceView => ({
  kind: path.startsWith('/dev/') ? 'device' : 'file',
  path,
  model,
  serial,
  lengthBytes,
  sectorBytes: 512,
  physicalSectorBytes: path.startsWith('/dev/') ? 4096 : 512,
});

type Inner = Partial<InnerVolumeView> & { name: string; lengthBytes: number; fs?: Part['fs'] };

function group(
  name: string,
  kind: VolumeGroupView['kind'],
  members: number[],
  volumes: Inner[],
  missingMembers = 0,
): VolumeGroupView {
  return {
    kind,
    name,
    uuid: `uuid of ${name}`,
    members,
    missingMembers,
    volumes: volumes.map(({ name: inner, fs, ...more }) => {
      const usedBytes = more.usedBytes ?? more.lengthBytes;
      return {
        ref: `${name}/${inner}`,
        mapping: 'linear',
        recognised: null,
        recognisedLabel: '',
        recognisedUuid: '',
        captureAs: fs ? (fs[0] === 'swap' ? 'header-only' : 'used-blocks') : 'whole',
        warnings: [],
        ...more,
        usedBytes,
        fileSystem: fs
          ? { kind: fs[0], label: fs[1], uuid: uuid(7), blockBytes: 4096, lengthBytes: more.lengthBytes, usedBytes }
          : null,
      };
    }),
  };
}

/** A server: a volume group on one partition, a mirror on another, and what Windows people bring. */
export const server = () =>
  disk(
    2_000_398_934_016,
    [
      { lengthBytes: GIB, usedBytes: 7e6, typeId: EFI, fs: ['fat32', 'EFI'] },
      { lengthBytes: 2 * GIB, usedBytes: 301e6, fs: ['xfs', 'boot'] },
      {
        lengthBytes: 900 * GIB,
        usedBytes: 96e9,
        recognised: 'lvm2',
        captureAs: 'used-blocks',
        typeId: 'E6D6D379-F507-44C2-A23C-238F2A3DF928',
      },
      {
        lengthBytes: 300 * GIB,
        usedBytes: 41e9,
        recognised: 'md-raid',
        captureAs: 'used-blocks',
        typeId: 'A19D880F-05FC-4D3B-A006-743F0F84911E',
      },
      { lengthBytes: 200 * GIB, usedBytes: 74e9, typeId: BASIC, fs: ['ntfs', 'Archive'] },
      { lengthBytes: 128 * GIB, usedBytes: 22e9, typeId: BASIC, fs: ['exfat', 'EXCHANGE'] },
      { lengthBytes: 120 * GIB, recognised: 'bitlocker', typeId: BASIC },
      {
        lengthBytes: 64 * GIB,
        warnings: [{ code: 'VOLUME_LOOKS_RANDOM', data: { volume: 8, lengthBytes: 64 * GIB } }],
      },
    ],
    {
      groups: [
        group(
          'vg0',
          'lvm2',
          [2],
          [
            { name: 'root', lengthBytes: 60 * GIB, usedBytes: 14e9, fs: ['ext4', 'server-root'] },
            { name: 'home', lengthBytes: 400 * GIB, usedBytes: 61e9, fs: ['btrfs', 'home'] },
            { name: 'swap', lengthBytes: 16 * GIB, usedBytes: 4096, fs: ['swap', ''] },
            {
              name: 'pool',
              lengthBytes: 200 * GIB,
              mapping: 'thin-pool',
              warnings: [{ code: 'LOGICAL_VOLUME_WHOLE', data: { name: 'vg0/pool', mapping: 'thin-pool' } }],
            },
          ],
        ),
        group(
          'md127',
          'md-raid',
          [3],
          [{ name: 'md127', lengthBytes: 300 * GIB, mapping: 'mirror', usedBytes: 41e9, fs: ['xfs', 'mail'] }],
          1,
        ),
      ],
    },
  );
