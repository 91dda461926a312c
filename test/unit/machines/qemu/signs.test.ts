/** What consoles and screens say, as systems really write it, and what is made of it. */
import { inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ConsoleLog, plainText } from '../../../../src-engine/machines/qemu/console-log.ts';
import {
  difference,
  isTextScreen,
  readPixmap,
  showsSomething,
  textOfMemory,
  toPng,
} from '../../../../src-engine/machines/qemu/screen.ts';
import {
  failedUnitsIn,
  hasLogin,
  kernelIn,
  lastLinesOf,
  missesRoot,
  troubleIn,
} from '../../../../src-engine/machines/qemu/signs.ts';

describe('a login prompt', () => {
  test.each([
    ['Debian', 'Debian GNU/Linux 12 golden ttyS0\n\ngolden login: '],
    ['CentOS 6', 'CentOS release 6.10 (Final)\nKernel 2.6.32 on an x86_64\n\nlocalhost.localdomain login: '],
    ['FreeBSD', '\nFreeBSD/amd64 (host) (ttyu0)\n\nlogin: '],
    ['a prompt that the kernel speaks into', 'golden login: \n[   12.3] random: crng init done\n'],
    ['one that stands on a screen, padded', 'golden login:'],
  ])('of %s is one', (_, text) => expect(hasLogin(text)).toBe(true));

  test.each([
    ['what a user is greeted with', 'Last login: Sat Nov 28 12:00:00 UTC 2026 on ttyS0\nroot@golden:~# '],
    ['the start of what manages them', '[  OK  ] Started systemd-logind.service - User Login Management.\n'],
    ['a word in a sentence', 'sshd: refused login: bad key for root\n'],
    ['nothing', ''],
  ])('is not %s', (_, text) => expect(hasLogin(text)).toBe(false));
});

describe('trouble', () => {
  test.each([
    ['panic', '[    1.5] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)'],
    ['panic', 'panic: vm_fault_lookup: fault on nofault entry'],
    ['emergency', 'You are in emergency mode. After logging in, type "journalctl -xb" to view'],
    [
      'emergency',
      'Gave up waiting for root file system device.\n ALERT!  UUID=1 does not exist.  Dropping to a shell!\n(initramfs) ',
    ],
    ['emergency', 'Entering emergency mode. Exit the shell to continue.\ndracut:/# '],
    ['emergency', '*** An error occurred during the file system check.\nGive root password for maintenance\n'],
    [
      'loader-stuck',
      'GRUB loading.\nWelcome to GRUB!\n\nerror: no such partition.\nEntering rescue mode...\ngrub rescue> ',
    ],
    ['loader-stuck', '   Minimal BASH-like line editing is supported.\ngrub> '],
    ['no-loader', 'Booting from Hard Disk...\nBoot failed: not a bootable disk\n\nNo bootable device.'],
    ['no-loader', 'BdsDxe: No bootable option or device was found.'],
    ['no-loader', 'UEFI Interactive Shell v2.2\nShell> '],
    ['no-loader', 'BOOTMGR is missing\nPress Ctrl+Alt+Del to restart'],
  ])('%s: %s', (trouble, text) => expect(troubleIn(text)).toBe(trouble));

  test.each([
    'Loading Linux 6.1.0-18-amd64 ...\nLoading initial ramdisk ...',
    '[  OK  ] Reached target emergency.target.\n[  OK  ] Stopped Emergency Shell.',
    'Command line: root=UUID=1 panic=10 quiet',
    'systemd[1]: Listening on initctl Compatibility Named Pipe.',
  ])('is not found in what is none: %s', (text) => expect(troubleIn(text)).toBeNull());
});

test('the kernel, the units that failed and the last lines are told', () => {
  expect(kernelIn('[    0.0] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)')).toBe('6.1.0-18-amd64');
  expect(kernelIn('Loading Linux 5.10.0-28-amd64 ...\n')).toBe('5.10.0-28-amd64');
  expect(kernelIn('nothing')).toBeNull();
  const console = plainText(
    '[\x1b[0;31mFAILED\x1b[0m] Failed to start \x1b[0;1;39mssh.service\x1b[0m - OpenBSD.\r\n'.repeat(3),
  );
  expect(failedUnitsIn(console)).toEqual(['ssh.service - OpenBSD.']);
  expect(lastLinesOf('one\n\n two \nthree\n\n', 2)).toEqual(['two', 'three']);
  expect(lastLinesOf('x'.repeat(10_000), 2)[0]).toHaveLength(200);
});

describe('a console', () => {
  test('that never ends is kept at its beginning and its end', () => {
    const log = new ConsoleLog();
    log.add(Buffer.from('first\n'));
    for (let i = 0; i < 300; i++) log.add(Buffer.alloc(64 * 1024, 'x'));
    log.add(Buffer.from('\nlast'));
    const text = log.text();
    expect(text.length).toBeLessThan(1.3 * 1024 * 1024);
    expect(text).toMatch(/^first\n/);
    expect(text).toMatch(/\nlast$/);
    expect(log.recent().length).toBeLessThanOrEqual(128 * 1024);
    expect(log.count).toBe(300 * 64 * 1024 + 11);
  });

  test('says text, whatever it writes', () => {
    const log = new ConsoleLog();
    log.add(Buffer.from('\x1b[2J\x1b[1;1Hgol\x1b]0;title\x07den \x9b31mlo\x00gin: \u202e\u200b'));

    expect(log.text()).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e]/);
    // a letter in two pieces
    const cut = new ConsoleLog();
    for (const byte of Buffer.from('é')) cut.add(Buffer.from([byte]));
    expect(cut.text()).toBe('é');
  });
});

describe('a screen', () => {
  const pixmap = (width: number, height: number, fill: (i: number) => number, length = width * height * 3) =>
    Buffer.concat([
      Buffer.from(`P6\n${width} ${height}\n255\n`),
      Buffer.from(Array.from({ length }, (_, i) => fill(i))),
    ]);

  test('is read, and written as PNG with the same pixels', () => {
    const picture = readPixmap(pixmap(3, 2, (i) => i))!;
    const png = toPng(picture);
    expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
    const data = png.indexOf('IDAT');
    const lines = inflateSync(png.subarray(data + 4, data + 4 + png.readUInt32BE(data - 4)));
    expect([...lines]).toEqual([0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 10, 11, 12, 13, 14, 15, 16, 17]);
  });

  test.each([
    ['one that is cut off', pixmap(10, 10, () => 0, 299)],
    ['one without pixels', pixmap(0, 0, () => 0, 0)],
    ['one that is too large', Buffer.from('P6\n99999 99999\n255\n')],
    ['another format', Buffer.from('\x89PNG')],
    ['nothing', Buffer.alloc(0)],
  ])('is not %s', (_, file) => expect(readPixmap(file)).toBeNull());

  test('that only blinks is the same; one of one colour shows nothing', () => {
    const [width, height] = [100, 100];
    const at = (lit: number) => readPixmap(pixmap(width, height, (i) => (i < lit * 3 ? 255 : 0)))!;
    expect(difference(at(0), at(0))).toBe(0);
    expect(difference(at(0), at(10))).toBeCloseTo(0.001);
    expect(difference(at(0), at(5000))).toBeCloseTo(0.5);
    expect(difference(at(0), readPixmap(pixmap(10, 10, () => 0))!)).toBe(1);
    expect([at(0), at(10), at(5000)].map(showsSomething)).toEqual([false, false, true]);
  });

  test('of letters is read from memory', () => {
    expect(isTextScreen(readPixmap(pixmap(720, 400, () => 0))!)).toBe(true);
    expect(isTextScreen(readPixmap(pixmap(800, 600, () => 0))!)).toBe(false);
    const words = [...'login:'.padEnd(80), ...'next'.padEnd(80)].map(
      (letter) => `0x07${letter.charCodeAt(0).toString(16)}`,
    );
    expect(textOfMemory(`00000000000b8000: ${words.join(' ')}`)).toBe('login:\nnext');
    expect(textOfMemory('00000000000b8000: 0x0700 0x071b 0x07ff\r\n')).toBe('');
  });
});

describe('a root that is not there', () => {
  test.each([
    ['initramfs-tools', 'Gave up waiting for root file system device.  Common problems:\n - Boot args'],
    ['initramfs-tools', 'ALERT!  UUID=0a5c-1 does not exist.  Dropping to a shell!'],
    ['initramfs-tools', ' - Missing modules (cat /proc/modules; ls /dev)\n(initramfs) '],
    ['dracut', '[  190.12] dracut-initqueue[346]: Warning: /dev/disk/by-uuid/aa does not exist'],
    ['dracut', 'Warning: /dev/disk/by-uuid/aa does not exist\n\nGenerating "/run/initramfs/rdsosreport.txt"'],
    ['dracut', 'Warning: "/dev/mapper/vg-root" does not exist'],
    ['systemd', '[DEPEND] Dependency failed for sysroot.mount - /sysroot.'],
    ['Linux', 'Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)'],
    ['Linux', 'VFS: Cannot open root device "sda1" or unknown-block(0,0): error -6'],
    ['mkinitcpio', "ERROR: device 'UUID=aa' not found. Skipping fsck."],
  ])('as %s says it: %s', (_, text) => expect(missesRoot(text)).toBe(true));

  test.each([
    'Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(8,1)',
    'You are in emergency mode. After logging in, type "journalctl -xb"',
    '[FAILED] Failed to mount srv.mount - /srv.',
    '[ TIME ] Timed out waiting for device dev-disk-by-uuid-aa.device - /dev/disk/by-uuid/aa.',
    'Gave up waiting for suspend/resume device',
    'cat: /dev/null/x does not exist',
  ])('is not what is meant by: %s', (text) => expect(missesRoot(text)).toBe(false));
});
