/** In how many ways files name an identifier, and what only looks like one. */
import { expect, test } from 'vitest';
import { IdForms, type Renaming } from '../../../src-engine/identifiers/forms.ts';
import { newId } from '../../../src-engine/identifiers/new-ids.ts';

const UUID: Renaming = {
  format: 'uuid',
  before: '0a1b2c3d-1111-4222-8333-00000000000f',
  after: 'c0ffee00-5555-4666-9777-aaaaaaaaaaaa',
};
const SERIAL: Renaming = { format: 'serial', before: 'ABCD-1234', after: 'F00D-5678' };
const SIGNATURE: Renaming = { format: 'signature', before: '1234ABCD', after: '9876FEDC' };
const GROUP: Renaming = {
  format: 'lvm',
  before: 'aBcDeF-0123-4567-89ab-cdef-GHIJ-klmnop',
  after: 'ZYXwvu-9876-5432-10zz-yyyy-WVUT-srqpon',
  joined: [{ before: '111111-2222-3333-4444-5555-6666-777777', after: '888888-9999-aaaa-bbbb-cccc-dddd-eeeeee' }],
};
const ALL = [UUID, SERIAL, SIGNATURE, GROUP];
const CHOSEN = new Set(ALL.keys());

const replaced = (text: string, renamings = ALL) =>
  new IdForms(renamings).replaced(Buffer.from(text, 'latin1'), CHOSEN)?.toString('latin1') ?? null;

test.each([
  ['UUID=0a1b2c3d-1111-4222-8333-00000000000f / ext4', 'UUID=c0ffee00-5555-4666-9777-aaaaaaaaaaaa / ext4'],
  ['UUID="0A1B2C3D-1111-4222-8333-00000000000F"', 'UUID="C0FFEE00-5555-4666-9777-AAAAAAAAAAAA"'],
  ['search.fs_uuid 0a1b2c3d-1111-4222-8333-00000000000f root hd0,gpt2', null],
  ['/dev/disk/by-uuid/0a1b2c3d-1111-4222-8333-00000000000f\n', null],
  // cryptomount -u, and names of device-mapper
  ['cryptomount -u 0a1b2c3d11114222833300000000000f', 'cryptomount -u c0ffee00555546669777aaaaaaaaaaaa'],
  [
    'After=dev-disk-by\\x2duuid-0a1b2c3d\\x2d1111\\x2d4222\\x2d8333\\x2d00000000000f.device',
    'After=dev-disk-by\\x2duuid-c0ffee00\\x2d5555\\x2d4666\\x2d9777\\x2daaaaaaaaaaaa.device',
  ],
  ['devexists-\\x2fdev\\x2fdisk\\x2fby-uuid\\x2f0a1b2c3d-1111-4222-8333-00000000000f.sh', null],
  ['UUID=ABCD-1234 /boot/efi vfat', 'UUID=F00D-5678 /boot/efi vfat'],
  ['--fs-uuid abcd-1234', '--fs-uuid f00d-5678'],
  ['dev-disk-by\\x2duuid-ABCD\\x2d1234.device', 'dev-disk-by\\x2duuid-F00D\\x2d5678.device'],
  ['root=PARTUUID=1234abcd-02 rootwait', 'root=PARTUUID=9876fedc-02 rootwait'],
  ['/dev/disk/by-partuuid/1234abcd-0f', '/dev/disk/by-partuuid/9876fedc-0f'],
  [
    "set root='lvmid/aBcDeF-0123-4567-89ab-cdef-GHIJ-klmnop/x'",
    "set root='lvmid/ZYXwvu-9876-5432-10zz-yyyy-WVUT-srqpon/x'",
  ],
  [
    'dm-uuid-LVM-aBcDeF0123456789abcdefGHIJklmnop11111122223333444455556666777777',
    'dm-uuid-LVM-ZYXwvu9876543210zzyyyyWVUTsrqpon88888899' + '99aaaabbbbccccddddeeeeee',
  ],
])('%s', (text, expected) => {
  const now = replaced(text);
  expect(now).toHaveLength(text.length);
  if (expected !== null) expect(now).toBe(expected);
  expect(now).not.toContain('0a1b2c3d');
});

test.each([
  'LABEL=ABCD-1234-5678',
  // a piece of another UUID
  'UUID=00000000-abcd-1234-8333-00000000000f',
  'UUID=1234abcd-0211-4222-8333-00000000000e',
  '0a1b2c3d-1111-4222-8333-00000000000f0',
  'x0a1b2c3d11114222833300000000000f',
  'PARTUUID=1234abcd-2',
  'serial 1234abcd',
])('%s names none of them', (text) => {
  expect(replaced(text)).toBeNull();
  expect(new IdForms(ALL).find(Buffer.from(text, 'latin1')).size).toBe(0);
});

test('what is around stays byte for byte, whatever it is', () => {
  const around = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const text = Buffer.concat([around, Buffer.from(` ${UUID.before} `), around]);
  const now = new IdForms([UUID]).replaced(text, new Set([0]))!;
  expect(now.equals(Buffer.concat([around, Buffer.from(` ${UUID.after} `), around]))).toBe(true);
});

test('two that become each other are not mixed up', () => {
  const swapped = [UUID, { ...UUID, before: UUID.after, after: UUID.before }];
  expect(replaced(`${UUID.before} ${UUID.after}`, swapped)).toBe(`${UUID.after} ${UUID.before}`);
});

test('only what was chosen is replaced', () => {
  const text = Buffer.from(`UUID=${UUID.before} UUID=${SERIAL.before}`);
  const now = new IdForms(ALL).replaced(text, new Set([1]));
  expect(now!.toString()).toBe(`UUID=${UUID.before} UUID=${SERIAL.after}`);
});

test('new ones are of their form, the same for one seed and others for each', () => {
  const forms = {
    uuid: /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
    serial: /^[\dA-F]{4}-[\dA-F]{4}$/,
  };
  expect(newId('a', 'uuid', 'x')).toMatch(forms.uuid);
  expect(newId('a', 'serial', 'x')).toMatch(forms.serial);
  expect(newId('a', 'signature', 'x')).toMatch(/^[\dA-F]{8}$/);
  expect(newId('a', 'lvm', 'x')).toMatch(/^[\dA-Za-z]{6}(?:-[\dA-Za-z]{4}){5}-[\dA-Za-z]{6}$/);
  expect(newId('a', 'uuid', 'x')).toBe(newId('a', 'uuid', 'x'));
  expect(new Set(['a', 'b'].flatMap((seed) => ['x', 'y'].map((what) => newId(seed, 'uuid', what)))).size).toBe(4);
});
