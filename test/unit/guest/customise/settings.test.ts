/** Time zone, language, keyboard, files, scripts, cloud-init, SELinux and Windows. */
import { describe, expect, test } from 'vitest';
import { memoryVolume, plannedFor } from '../../../support/guest-changes.ts';
import type { MemoryFiles } from '../../../support/memory-tree.ts';

const DEBIAN: MemoryFiles = {
  '/etc/os-release': 'ID=debian\nVERSION_ID=12\n',
  '/etc/debian_version': '12.5\n',
  '/usr/share/zoneinfo/Europe/Paris': 'TZif2...',
};
const RHEL: MemoryFiles = {
  '/etc/redhat-release': 'Red Hat Enterprise Linux release 9.4 (Plow)\n',
  '/usr/share/zoneinfo/Europe/Paris': 'TZif2...',
};
const CENTOS_5: MemoryFiles = {
  '/etc/redhat-release': 'CentOS release 5.11 (Final)\n',
  '/etc/rc.d/init.d/functions': '',
  '/usr/share/zoneinfo/Europe/Paris': 'TZif2...',
};
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('time zone', () => {
  test('Debian: the link and the name', async () => {
    const plan = await plannedFor(
      { ...DEBIAN, '/etc/localtime': '-> /usr/share/zoneinfo/Etc/UTC' },
      { timezone: 'Europe/Paris' },
    );
    expect(plan.change('/etc/localtime')).toMatchObject({ kind: 'link', target: '../usr/share/zoneinfo/Europe/Paris' });
    expect(plan.text('/etc/timezone')).toBe('Europe/Paris\n');
  });
  test('CentOS 5: a copy, since /usr may not be there yet', async () => {
    const plan = await plannedFor(
      {
        ...CENTOS_5,
        '/etc/localtime': '-> /usr/share/zoneinfo/UTC',
        '/etc/sysconfig/clock': 'ZONE="America/New York"\nUTC=true\n',
      },
      { timezone: 'Europe/Paris' },
    );
    expect(plan.text('/etc/localtime')).toBe('TZif2...');
    expect(plan.text('/etc/sysconfig/clock')).toBe('ZONE="Europe/Paris"\nUTC=true\n');
  });
  test.each(['Europe/Nowhere', 'Europe'])('one that the guest does not have: %s', async (timezone) => {
    const plan = await plannedFor(DEBIAN, { timezone });
    expect([plan.changes, plan.told]).toEqual([[], ['-timezone timezone-missing']]);
  });
});

describe('language', () => {
  const archive = (...names: string[]) => {
    const bytes = Buffer.alloc(56 + 200);
    bytes.writeUInt32LE(0xde020109, 0);
    bytes.writeUInt32LE(56, 20);
    bytes.writeUInt32LE(bytes.write(`\0${names.join('\0')}\0`, 56, 'latin1'), 24);
    return bytes;
  };
  test('Debian, where it is in the archive; what goes before LANG goes', async () => {
    const files = {
      ...DEBIAN,
      '/usr/lib/locale/locale-archive': archive('C.utf8', 'fr_FR.utf8'),
      '/etc/default/locale': '# x\nLANG="C"\nLANGUAGE="en:de"\nLC_TIME=C\n',
    };
    const plan = await plannedFor(files, { locale: 'fr_FR.UTF-8' });
    expect(plan.text('/etc/default/locale')).toBe('# x\nLANG="fr_FR.UTF-8"\nLC_TIME=C\n');
    expect(plan.told).toEqual(['locale written-to']);
  });
  test('Debian makes it at the first start where it has its source', async () => {
    const files = {
      ...DEBIAN,
      '/usr/sbin/locale-gen': '',
      '/usr/share/i18n/locales/fr_FR': '',
      '/etc/locale.gen': '# fr_FR.UTF-8 UTF-8',
    };
    const plan = await plannedFor(files, { locale: 'fr_FR.UTF-8' });
    expect(plan.text('/etc/locale.gen')).toBe('# fr_FR.UTF-8 UTF-8\nfr_FR.UTF-8 UTF-8\n');
    expect(plan.text('/etc/diskpress/first-boot/scripts/01-locale')).toBe('#!/bin/sh\nexec /usr/sbin/locale-gen\n');
    expect(plan.told).toEqual(['locale locale-at-first-boot', 'first-boot first-boot-systemd']);
  });
  test('RHEL with the package of the language, and CentOS 5', async () => {
    const there = { '/usr/lib/locale/fr_FR.utf8/LC_CTYPE': '' };
    expect((await plannedFor({ ...RHEL, ...there }, { locale: 'fr_FR.UTF-8' })).text('/etc/locale.conf')).toBe(
      'LANG=fr_FR.UTF-8\n',
    );
    const old = await plannedFor(
      { ...CENTOS_5, ...there, '/etc/sysconfig/i18n': 'LANG="en_US.UTF-8"\n' },
      { locale: 'fr_FR.UTF-8' },
    );
    expect(old.text('/etc/sysconfig/i18n')).toBe('LANG="fr_FR.UTF-8"\n');
  });
  test('one that is not there is not set: every program would complain', async () => {
    const broken = Buffer.alloc(64, 0xff);
    broken.writeUInt32LE(0xde020109, 0);
    const plan = await plannedFor({ ...RHEL, '/usr/lib/locale/locale-archive': broken }, { locale: 'fr_FR.UTF-8' });
    expect([plan.changes, plan.told]).toEqual([[], ['-locale locale-missing']]);
  });
});

describe('keyboard', () => {
  test('Debian, and what was made of the one before', async () => {
    const files = {
      ...DEBIAN,
      '/etc/default/keyboard': '# k\nXKBMODEL="pc105"\nXKBLAYOUT="us"\nXKBVARIANT=""\n',
      '/etc/console-setup/cached_setup_keyboard.sh': '',
    };
    const plan = await plannedFor(files, { keyboard: 'ch:fr' });
    expect(plan.text('/etc/default/keyboard')).toBe('# k\nXKBMODEL="pc105"\nXKBLAYOUT="ch"\nXKBVARIANT="fr"\n');
    expect(plan.change('/etc/console-setup/cached_setup_keyboard.sh')?.kind).toBe('remove');
  });
  test.each([
    ['RHEL', RHEL, { '/usr/lib/kbd/keymaps/xkb/ch-fr.map.gz': '' }, 'ch:fr', '/etc/vconsole.conf', 'KEYMAP=ch-fr\n'],
    [
      'CentOS 5',
      CENTOS_5,
      { '/lib/kbd/keymaps/i386/qwertz/fr_CH.map.gz': '' },
      'ch:fr',
      '/etc/sysconfig/keyboard',
      'KEYTABLE=fr_CH\n',
    ],
    [
      'another name',
      RHEL,
      { '/usr/lib/kbd/keymaps/legacy/i386/qwerty/uk.map.gz': '' },
      'gb',
      '/etc/vconsole.conf',
      'KEYMAP=uk\n',
    ],
  ])('%s has another name for it', async (_, base, keymaps, keyboard, path, text) => {
    expect((await plannedFor({ ...base, ...keymaps } as MemoryFiles, { keyboard })).text(path)).toBe(text);
  });
  test('no keymap', async () => {
    expect((await plannedFor(RHEL, { keyboard: 'xx' })).told).toEqual(['-keyboard keymap-missing']);
  });
});

describe('files', () => {
  const put = (path: string, files: MemoryFiles = {}, mode = 0o644) =>
    plannedFor({ ...DEBIAN, ...files }, { files: [{ path, base64: base64('x'), mode }] });
  test('as they are, with their bits; what only its owner reads is not shown', async () => {
    expect((await put('/etc/motd')).changes).toMatchObject([{ path: '/etc/motd', mode: 0o644, isSecret: false }]);
    expect((await put('/etc/key', {}, 0o600)).changes).toMatchObject([{ isSecret: true }]);
  });
  test.each([
    ['/etc/../root/x', {}, 'file-path'],
    ['/etc//x', {}, 'file-path'],
    ['/etc/', {}, 'file-path'],
    ['/run/x', {}, 'file-volatile'],
    ['/srv/x', { '/srv/x/y': '' }, 'file-not-regular'],
    ['/srv/x', { '/srv/x': { kind: 'block-device' as const } }, 'file-not-regular'],
    ['/srv/x/y', { '/srv/x': 'a file' }, 'file-not-regular'],
    ['/srv/x/y', { '/srv/x': '-> /nowhere' }, 'link-leads-nowhere'],
  ])('not to %s', async (path, files, code) => {
    const plan = await put(path, files);
    expect([plan.changes, plan.told]).toEqual([[], [`-files ${code}`]]);
  });
  test('a link out of the guest leads back into it', async () => {
    expect(
      (await put('/etc/motd', { '/etc/motd': '-> ../../../../tmp/outside', '/tmp/outside': 'x' })).changes,
    ).toMatchObject([{ path: '/tmp/outside' }]);
  });
});

describe('first start', () => {
  const scripts = [
    { name: 'b.sh', base64: base64('#!/bin/sh\necho b\n') },
    { name: 'a.sh', base64: base64('#!/bin/sh\r\necho a\r\n') },
  ];
  test('in their order, by systemd; line ends of Windows are told', async () => {
    const plan = await plannedFor(DEBIAN, { firstBoot: scripts });
    expect(plan.changes.filter(({ path }) => path.includes('scripts/'))).toMatchObject([
      { path: '/etc/diskpress/first-boot/scripts/01-b.sh', mode: 0o700 },
      { path: '/etc/diskpress/first-boot/scripts/02-a.sh', mode: 0o700 },
    ]);
    expect(plan.told).toEqual(['first-boot first-boot-systemd', '-first-boot first-boot-line-ends']);
  });
  test('CentOS 5 and Alpine', async () => {
    const old = await plannedFor(CENTOS_5, { firstBoot: scripts.slice(0, 1) });
    expect(old.change('/etc/rc.d/init.d/diskpress-first-boot')).toMatchObject({ mode: 0o755 });
    expect(old.change('/etc/rc.d/rc3.d/S99diskpress-first-boot')).toMatchObject({
      target: '../init.d/diskpress-first-boot',
    });
    const alpine = await plannedFor(
      { '/etc/os-release': 'ID=alpine\nVERSION_ID=3.22.1\n' },
      { firstBoot: scripts.slice(0, 1) },
    );
    expect(alpine.change('/etc/runlevels/default/diskpress-first-boot')).toMatchObject({ kind: 'link' });
  });
});

describe('cloud-init', () => {
  const files = {
    ...DEBIAN,
    '/usr/bin/cloud-init': '',
    '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
    '/etc/network/interfaces': 'auto ens3\niface ens3 inet dhcp\n',
  };
  test('is told what was set, so that it does not set it back', async () => {
    const settings = {
      hostname: 'lab-01',
      domain: 'example.org',
      network: [{ card: 'ens3', ipv4: 'dhcp' as const, ipv6: 'auto' as const }],
      users: [{ name: 'root', sshKeys: ['ssh-rsa A'] }],
    };
    const plan = await plannedFor({ ...files, '/etc/passwd': 'root:x:0:0::/root:/bin/sh\n' }, settings);
    expect(plan.text('/var/lib/cloud/seed/nocloud/meta-data')).toMatch(
      /^instance-id: "diskpress-[0-9a-f]{20}"\nlocal-hostname: "lab-01"\n$/,
    );
    expect(plan.text('/var/lib/cloud/seed/nocloud/user-data')).toBe(
      '#cloud-config\nhostname: "lab-01"\nfqdn: "lab-01.example.org"\nmanage_etc_hosts: false\nssh_deletekeys: false\nusers: []\ndisable_root: false\n',
    );
    expect(plan.text('/etc/cloud/cloud.cfg.d/zz-diskpress.cfg')).toBe(
      'datasource_list: ["NoCloud","None"]\nnetwork: {"config":"disabled"}\n',
    );
  });
  test('what the guest calls itself is told only where it is a name', async () => {
    const told = async (name: string) =>
      (await plannedFor({ ...files, '/etc/hostname': name }, {}, ['cloud-init-state'])).text(
        '/var/lib/cloud/seed/nocloud/meta-data',
      );
    expect(await told('golden\n')).toMatch(/\nlocal-hostname: "golden"\n$/);
    expect(await told('a": [x]\n#b')).not.toContain('local-hostname');
  });
  test('where nothing is asked for, or it is off, it is left alone', async () => {
    expect((await plannedFor(files, { timezone: 'Europe/Paris' })).told).toEqual(['timezone written-to']);
    const off = await plannedFor({ ...files, '/etc/cloud/cloud-init.disabled': '' }, { hostname: 'x' });
    expect(off.told).toEqual(['hostname written-to', 'cloud-init cloud-init-off']);
  });
});

describe('SELinux', () => {
  const config = { '/etc/selinux/config': '# x\nSELINUX=enforcing\n' };
  test('new files: labels are set at the next start', async () => {
    const plan = await plannedFor({ ...RHEL, ...config, '/usr/sbin/fixfiles': '' }, { timezone: 'Europe/Paris' });
    expect(plan.told).toEqual(['timezone written-to', 'selinux selinux-relabel']);
    expect(plan.text('/.autorelabel')).toBe('');
  });
  test('nothing new', async () => {
    expect((await plannedFor({ ...RHEL, ...config, '/tmp/x': '' }, {}, ['temporary-files'])).told).toEqual([
      'temporary-files cleared',
    ]);
  });
  test('no program that sets labels: they are asked for all the same, and nothing is refused for it', async () => {
    const plan = await plannedFor({ ...RHEL, ...config }, { timezone: 'Europe/Paris' });
    expect(plan.told).toEqual(['timezone written-to', 'selinux selinux-no-relabel']);
    expect(plan.text('/.autorelabel')).toBe('');
  });
});

test('a home on a volume that cannot be read: nobody is made who could not log in', async () => {
  const root = memoryVolume({
    ...DEBIAN,
    '/etc/passwd': 'a:x:1000:1000::/home/a:/bin/sh\n',
    '/etc/fstab': '/dev/mapper/secret /home ext4 defaults 0 0\n',
  });
  const plan = await plannedFor([root], { users: [{ name: 'a', sshKeys: ['ssh-rsa A'] }] });
  expect([plan.changes, plan.told]).toEqual([[], ['-users volume-not-reached']]);
});
