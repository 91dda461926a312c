/** What is told from single lines: fstab, the end-of-life table, builds of Windows. */
import { expect, test } from 'vitest';
import { endOfLifeOf, parseEndOfLife } from '../../../src-engine/guest/end-of-life.ts';
import type { GuestVolume } from '../../../src-engine/guest/guest-input.ts';
import { parseFstab } from '../../../src-engine/guest/linux/fstab.ts';
import { windowsRelease } from '../../../src-engine/guest/windows/version.ts';

const volume = (ref: string, label = '', uuid = ''): GuestVolume => ({
  ref,
  label,
  uuid,
  kind: 'ext4',
  tree: null,
  recognised: null,
});
const VOLUMES = [volume('1', 'twice'), volume('2', 'twice', 'ABCD-1234'), volume('vg-a/root'), volume('3', 'data')];

test.each([
  ['UUID=abcd-1234', 'uuid', '2'],
  ['/dev/disk/by-uuid/ABCD-1234', 'uuid', '2'],
  ['LABEL=data', 'label', '3'],
  ['LABEL="data"', 'label', '3'],
  ['LABEL=twice', 'label', null],
  ['UUID=', 'uuid', null],
  ['PARTUUID=x', 'partuuid', null],
  ['/dev/vda3', 'device-name', '3'],
  ['/dev/nvme0n1p2', 'device-name', '2'],
  ['/dev/sda9', 'device-name', null],
  ['/dev/mapper/vg--a-root', 'mapper', 'vg-a/root'],
  ['/dev/vg-a/root', 'mapper', 'vg-a/root'],
  ['server:/share', 'other', null],
  ['tmpfs', 'other', null],
])('fstab: %s', (device, reference, ref) => {
  expect(parseFstab(`${device} /x ext4`, VOLUMES)).toEqual([
    { device, mountPoint: '/x', type: 'ext4', options: 'defaults', reference, volume: ref },
  ]);
});

test('the end of a point release goes before that of its release', () => {
  const table = parseEndOfLife('madeOn: 2026-01-02\nreleases:\n  a-1: 2020-01-01\n  a-1.2: 2021-01-01\n');
  const date = (release: string | null, point: string | null) => endOfLifeOf(table, release, point).value?.date ?? null;
  expect([date('a-1', 'a-1.2'), date('a-1', 'a-1.3'), date('a-1', null)]).toEqual([
    '2021-01-01',
    '2020-01-01',
    '2020-01-01',
  ]);
  expect([date('b-1', null), date(null, null), date('constructor', null)]).toEqual([null, null, null]);
  expect(endOfLifeOf(table, 'a-1', null).value?.tableDate).toBe('2026-01-02');
});

test.each(['madeOn: x', 'releases: {}', '[', 'madeOn: 2026-01-02\nreleases:\n  a: soon\n'])('no table: %s', (text) => {
  expect(() => parseEndOfLife(text)).toThrow(expect.objectContaining({ code: 'FORMAT_INVALID' }));
});

test('servers of the short-lived channel are not taken for others', () => {
  expect(windowsRelease(18363, 'Windows Server Standard', true)).toBeNull();
  expect(windowsRelease(18363, 'Windows 10 Pro', false)).toBe('windows-10');
  expect(windowsRelease(2195, 'Windows 2000', false)).toBeNull();
});
