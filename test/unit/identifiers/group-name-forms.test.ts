/** In how many ways files name a group of LVM2, and what only looks like one. */
import { expect, test } from 'vitest';
import { IdForms, type Renaming } from '../../../src-engine/identifiers/forms.ts';

const GROUP: Renaming = {
  format: 'group-name',
  before: 'debian-vg',
  after: 'lab',
  volumeNames: ['root', 'swap_1', 'root-old'],
};

function replaced(text: string, name = 'file'): string | null {
  const now = new IdForms([GROUP]).replaced(Buffer.from(text, 'latin1'), new Set([0]), name);
  return now && now.toString('latin1');
}

test.each([
  ['/dev/mapper/debian--vg-root / ext4 defaults 0 1', '/dev/mapper/lab-root / ext4 defaults 0 1'],
  ['/dev/debian-vg/swap_1 none swap sw 0 0', '/dev/lab/swap_1 none swap sw 0 0'],
  ['/dev/mapper/debian--vg-root--old /old', '/dev/mapper/lab-root--old /old'],
  ['RESUME=/dev/mapper/debian--vg-swap_1\n', 'RESUME=/dev/mapper/lab-swap_1\n'],
  ["set root='lvm/debian--vg-root'", "set root='lvm/lab-root'"],
  ['(lvm/debian--vg-root)/boot/grub', '(lvm/lab-root)/boot/grub'],
  [
    'linux /vmlinuz root=/dev/mapper/debian--vg-root ro rd.lvm.lv=debian-vg/root rd.lvm.lv=debian-vg/swap_1 quiet',
    'linux /vmlinuz root=/dev/mapper/lab-root ro rd.lvm.lv=lab/root rd.lvm.lv=lab/swap_1 quiet',
  ],
  ['rd_LVM_LV=debian-vg/root rd_LVM_VG=debian-vg', 'rd_LVM_LV=lab/root rd_LVM_VG=lab'],
  ['After=dev-mapper-debian\\x2d\\x2dvg\\x2droot.device', 'After=dev-mapper-lab\\x2droot.device'],
  ['Requires=dev-debian\\x2dvg-root.device', 'Requires=dev-lab-root.device'],
  ['[ -e "/dev/debian-vg/root" ] || wait', '[ -e "/dev/lab/root" ] || wait'],
  ['devexists-\\x2fdev\\x2fdebian-vg\\x2froot.sh', 'devexists-\\x2fdev\\x2flab\\x2froot.sh'],
])('%s', (text, expected) => {
  expect(replaced(text)).toBe(expected);
});

test.each([
  'debian-vg',
  'ID=debian-vg',
  // a name of device-mapper that is not the group's
  '/dev/mapper/debian--vg-crypt',
  '/dev/mapper/old--debian--vg-root',
  '/dev/mapper/debian--vg-root_2',
  '/dev/mapper/debian--vg-root--new',
  '/dev/debian-vg2/root',
  '/srv/dev/debian-vg/rooted',
  'rd.lvm.lv=debian-vg/rootfs',
  'rd.lvm.vg=debian-vg-2',
])('not %s', (text) => {
  expect(replaced(text)).toBeNull();
});

test('a word of its own in the lists of LVM2 alone', () => {
  const line = 'volume_list = [ "debian-vg", "debian-vg/root", "debian-vg2" ]';
  expect(replaced(line, 'lvm.conf')).toBe('volume_list = [ "lab", "lab/root", "debian-vg2" ]');
  expect(replaced(line, 'os-release')).toBeNull();
});

test('what gets another length is told', () => {
  expect(new IdForms([GROUP]).changesLength(new Set([0]))).toBe(true);
  expect(new IdForms([{ ...GROUP, after: 'ubuntu-vg' }]).changesLength(new Set([0]))).toBe(false);
});
