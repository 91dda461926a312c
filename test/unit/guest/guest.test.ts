/** What is told from single lines: fstab, the end-of-life table, builds of Windows. */
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { endOfLifeOf, loadEndOfLife, parseEndOfLife } from '../../../src-engine/guest/end-of-life.ts';
import type { GuestVolume } from '../../../src-engine/guest/guest-input.ts';
import { parseFstab } from '../../../src-engine/guest/linux/fstab.ts';
import { windowsRelease, windowsVersion } from '../../../src-engine/guest/windows/version.ts';

const volume = (ref: string, label = '', uuid = ''): GuestVolume => ({
  ref,
  label,
  uuid,
  kind: 'ext4',
  tree: null,
  recognised: null,
});
const VOLUMES: GuestVolume[] = [
  volume('1', 'twice'),
  { ...volume('2', 'twice', 'ABCD-1234'), partitionUuid: '0A1B2C3D-02', partitionName: 'EFI System' },
  volume('vg-a/root'),
  volume('3', 'data'),
];

test.each([
  ['UUID=abcd-1234', 'uuid', '2'],
  ['/dev/disk/by-uuid/ABCD-1234', 'uuid', '2'],
  ['LABEL=data', 'label', '3'],
  ['LABEL="data"', 'label', '3'],
  ['LABEL=twice', 'label', null],
  ['UUID=', 'uuid', null],
  ['PARTUUID=x', 'partuuid', null],
  ['PARTUUID=', 'partuuid', null],
  ['PARTUUID=0a1b2c3d-02', 'partuuid', '2'],
  ['/dev/disk/by-partuuid/0a1b2c3d-02', 'partuuid', '2'],
  ['PARTLABEL=EFI\\040System', 'partlabel', '2'],
  ['/dev/disk/by-partlabel/EFI\\x20System', 'partlabel', '2'],
  ['PARTLABEL=efi', 'partlabel', null],
  ['/dev/vda3', 'device-name', '3'],
  ['/dev/nvme0n1p2', 'device-name', '2'],
  ['/dev/sda9', 'device-name', null],
  ['/dev/mapper/vg--a-root', 'mapper', 'vg-a/root'],
  ['/dev/vg-a/root', 'mapper', 'vg-a/root'],
  ['server:/share', 'other', null],
  ['tmpfs', 'other', null],
])('fstab: %s', (device, reference, ref) => {
  expect(parseFstab(`${device} /x ext4`, VOLUMES)).toEqual([
    {
      device: device.replace('\\040', ' '),
      mountPoint: '/x',
      type: 'ext4',
      options: 'defaults',
      reference,
      volume: ref,
    },
  ]);
});

const TABLE = `madeOn: 2026-01-02
products:
  - source: first
    releases: { a-1: 2020-01-01, a-1.2: 2021-01-01, windows-10-21h2-pro: 2023-06-13, windows-10-21h2-enterprise: 2024-06-11 }
  - source: second
    meaning: long-term
    releases: { windows-10-21h2-enterprise-ltsc: 2027-01-12, windows-10-21h2-iot-enterprise-ltsc: 2032-01-13 }
`;
test('the end of a point release goes before that of its release; the source is told', () => {
  const table = parseEndOfLife(TABLE);
  const date = (release: string | null, point: string | null) => endOfLifeOf(table, release, point).value?.date ?? null;
  expect([date('a-1', 'a-1.2'), date('a-1', 'a-1.3'), date('a-1', null)]).toEqual([
    '2021-01-01',
    '2020-01-01',
    '2020-01-01',
  ]);
  expect([date('b-1', null), date(null, null), date('constructor', null)]).toEqual([null, null, null]);
  expect(endOfLifeOf(table, 'a-1', null)).toEqual({
    value: { date: '2020-01-01', tableDate: '2026-01-02' },
    origin: 'end-of-life.yaml (2026-01-02), first',
  });
});

test.each([
  ['Professional', '2023-06-13'],
  ['ProfessionalEducation', '2023-06-13'],
  ['CoreSingleLanguage', '2023-06-13'],
  ['Enterprise', '2024-06-11'],
  ['Education', '2024-06-11'],
  ['EnterpriseS', '2027-01-12'],
  ['EnterpriseSN', '2027-01-12'],
  ['IoTEnterpriseS', '2032-01-13'],
  ['Phony', null],
  [null, null],
])('the end of a version of Windows is that of its edition: %s', (edition, date) => {
  const found = endOfLifeOf(parseEndOfLife(TABLE), 'windows-10', 'windows-10-21h2', edition);
  expect(found.value?.date ?? null).toBe(date);
});

test.each([
  'madeOn: x',
  'products: []',
  '[',
  'madeOn: 2026-01-02\nproducts:\n  - source: x\n    releases: { a: soon }\n',
  'madeOn: 2026-01-02\nproducts:\n  - releases: { a: 2020-01-01 }\n',
  `${TABLE}  - source: third\n    releases: { a-1: 2020-01-01 }\n`,
])('no table: %s', (text) => {
  expect(() => parseEndOfLife(text)).toThrow(expect.objectContaining({ code: 'FORMAT_INVALID' }));
});

test('the table of the application names releases as they are told', async () => {
  const { releases } = await loadEndOfLife(resolve(import.meta.dirname, '../../../resources/end-of-life.yaml'));
  const distributions = new Set(Object.keys(releases).map((id) => id.replace(/-[^a-z].*$|-(xp|vista)$/, '')));
  expect([...distributions].sort()).toEqual(
    [
      'almalinux',
      'alpine',
      'amzn',
      'centos',
      'centos-stream',
      'debian',
      'fedora',
      'ol',
      'opensuse-leap',
      'rhel',
    ].concat(['rocky', 'sles', 'ubuntu', 'windows', 'windows-server']),
  );
});

test('servers of the short-lived channel are not taken for others', () => {
  expect(windowsRelease(18363, 'Windows Server Standard', true)).toBeNull();
  expect(windowsRelease(18363, 'Windows 10 Pro', false)).toBe('windows-10');
  expect(windowsRelease(2195, 'Windows 2000', false)).toBeNull();
});

test.each([
  [19045, '22H2', '22h2'],
  [18363, null, '1909'],
  [19042, '2009', '20h2'],
  [12345, null, null],
])('versions of Windows: build %d, %s', (build, display, version) => {
  expect(windowsVersion(build, display)).toBe(version);
});
