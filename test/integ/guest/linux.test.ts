/** Phony Linux guests in real file systems: what each tells of itself. */
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GuestSchema } from '../../../src-engine/contract/guest.contract.ts';
import { loadEndOfLife } from '../../../src-engine/guest/end-of-life.ts';
import { guestFacts } from '../../../src-engine/guest/guest-facts.ts';
import type { GuestVolume } from '../../../src-engine/guest/guest-input.ts';
import { inspectGuest } from '../../../src-engine/guest/inspect-guest.ts';
import { FACT_IDS } from '../../../src-engine/policies/facts.ts';
import { ELF, ext4Guest, fatGuest, type GuestTree } from '../../support/guests.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const work = temporaryFolder();
const table = await loadEndOfLife(resolve(import.meta.dirname, '../../../resources/end-of-life.yaml'));
const { signal } = new AbortController();

const inspect = async (volumes: GuestVolume[], firstSectors = new Uint8Array(512)) =>
  GuestSchema.parse(await inspectGuest({ volumes, firstSectors }, table, signal));

const osRelease = (id: string, version: string, words = version) =>
  `NAME="${id}"\nID=${id}\n${version && `VERSION_ID="${version}"\n`}VERSION="${words}"\nPRETTY_NAME="${id} ${words}"\n`;
const redHat = (words: string, kernel: string): GuestTree => ({
  '/etc/redhat-release': `${words}\n`,
  [`/boot/vmlinuz-${kernel}`]: '',
});
const modern = (release: string, kernel: string): GuestTree => ({
  '/usr/lib/os-release': release,
  '/etc/os-release': '-> ../usr/lib/os-release',
  [`/boot/vmlinuz-${kernel}`]: '',
});

/** name, files, release, point release, whether past its end on 2026-11-21 */
const GUESTS: [string, GuestTree, string, string | null, boolean | null][] = [
  ['CentOS 5', redHat('CentOS release 5.11 (Final)', '2.6.18-398.el5'), 'centos-5', 'centos-5.11', true],
  ['CentOS 6.10', redHat('CentOS release 6.10 (Final)', '2.6.32-754.el6.x86_64'), 'centos-6', 'centos-6.10', true],
  [
    'CentOS 7.6',
    {
      ...redHat('CentOS Linux release 7.6.1810 (Core)', '3.10.0-957.el7.x86_64'),
      '/etc/os-release': osRelease('centos', '7'),
    },
    'centos-7',
    'centos-7.6',
    true,
  ],
  ...[
    ['5.11', 'Server release 5.11 (Tikanga)', '2.6.18-398.el5', true],
    ['6.10', 'Server release 6.10 (Santiago)', '2.6.32-754.el6.x86_64', true],
    ['7.9', 'Server release 7.9 (Maipo)', '3.10.0-1160.el7.x86_64', true],
    ['8.10', 'release 8.10 (Ootpa)', '4.18.0-553.el8_10.x86_64', false],
    ['9.4', 'release 9.4 (Plow)', '5.14.0-427.13.1.el9_4.x86_64', false],
  ].map(([version, words, kernel, isPast]): [string, GuestTree, string, string, boolean] => [
    `RHEL ${version}`,
    redHat(`Red Hat Enterprise Linux ${words}`, kernel as string),
    `rhel-${(version as string).split('.')[0]}`,
    `rhel-${version}`,
    isPast as boolean,
  ]),
  ...[
    ['16.04', '16.04.7', '4.4.0-210', true],
    ['18.04', '18.04.6', '4.15.0-213', true],
    ['20.04', '20.04.6', '5.4.0-182', true],
    ['22.04', '22.04.4', '5.15.0-107', false],
    ['24.04', '24.04.1', '6.8.0-45', false],
  ].map(([version, point, kernel, isPast]): [string, GuestTree, string, string, boolean] => [
    `Ubuntu ${version}`,
    modern(osRelease('ubuntu', version as string, `${point} LTS`), `${kernel}-generic`),
    `ubuntu-${version}`,
    `ubuntu-${point}`,
    isPast as boolean,
  ]),
  [
    'Debian 12',
    { ...modern(osRelease('debian', '12', '12 (bookworm)'), '6.1.0-21-amd64'), '/etc/debian_version': '12.5\n' },
    'debian-12',
    'debian-12.5',
    false,
  ],
  ['Fedora', redHat('Fedora release 40 (Forty)', '6.8.5-301.fc40.x86_64'), 'fedora-40', null, true],
  [
    'openSUSE',
    modern(osRelease('opensuse-leap', '15.5'), '5.14.21-150500.53-default'),
    'opensuse-leap-15',
    'opensuse-leap-15.5',
    true,
  ],
  ['Arch', modern(osRelease('arch', ''), 'linux'), 'arch', null, null],
];

test.each(GUESTS)('%s', async (_, tree, release, pointRelease, isPast) => {
  const guest = await inspect([
    await ext4Guest(work, { '/usr/bin/dash': ELF, '/bin': '-> usr/bin', '/usr/bin/sh': '-> dash', ...tree }),
  ]);
  expect(guest.warnings).toEqual([]);
  expect(guest.release.value).toBe(release);
  expect(guest.pointRelease.value).toBe(pointRelease);
  expect(guest.architecture).toEqual({ value: 'x86_64', origin: '/bin/sh' });
  expect(guest.kernelOrigin.value).toBe('distribution');
  const facts = guestFacts(guest, '2026-11-21');
  expect(facts['guest.isPastEndOfLife'].value).toBe(isPast);
  expect(Object.keys(facts).sort()).toEqual(FACT_IDS.filter((id) => id.startsWith('guest.')).sort());
});

const UUID = '11111111-2222-3333-4444-555555555555';

test('a whole server: /boot and ESP by fstab, GRUB 2, network, cloud-init, identity', async () => {
  const root: GuestTree = {
    '/etc/os-release': osRelease('ubuntu', '22.04', '22.04.4 LTS'),
    '/etc/fstab': `# comment\n/dev/sda2 / ext4 defaults 0 1\nUUID=${UUID} /boot ext4 defaults 0 2\nLABEL=none /data\\040x xfs ro\n/dev/mapper/my--vg-swap none swap sw\nbroken\n`,
    '/boot/empty': '',
    '/etc/netplan/50-cloud-init.yaml': 'network:\n',
    '/etc/cloud/cloud.cfg': '',
    '/usr/sbin/qemu-ga': '',
    '/etc/machine-id': 'uninitialized\n',
    '/etc/hostname': 'server\n',
  };
  const boot: GuestTree = {
    '/vmlinuz-5.15.0-100-generic': '',
    '/vmlinuz-5.15.0-107-generic': '',
    '/vmlinuz-6.6.1-custom': '',
    '/grub/grub.cfg': `set default="\${saved_entry}"\nmenuentry 'Ubuntu' {\n\tlinux /vmlinuz-5.15.0-107-generic root=x\n}\nsubmenu 'More' {\n\tmenuentry 'Own' {\n\t\tlinux /vmlinuz-6.6.1-custom\n\t}\n}\n`,
    '/grub/grubenv': 'saved_entry=More>Own\n',
  };
  const volumes = [
    await fatGuest(work, { 'EFI/ubuntu/grubx64.efi': '', 'EFI/BOOT/BOOTX64.EFI': '' }, '1'),
    await ext4Guest(work, root, '2'),
    await ext4Guest(work, boot, '3', UUID),
    { ref: 'my-vg/swap', label: '', uuid: '', kind: 'swap', tree: null, recognised: null },
    { ref: '4', label: '', uuid: '', kind: null, tree: null, recognised: 'lvm2' },
  ];
  const sector = Buffer.alloc(512);
  sector.write('GRUB ', 0x180);
  sector.writeUInt16BE(0x55aa, 510);
  const guest = await inspect(volumes, sector);
  expect(guest.warnings).toEqual([]);
  expect(guest.fstab.value?.map(({ reference, volume, mountPoint }) => [reference, volume, mountPoint])).toEqual([
    ['device-name', '2', '/'],
    ['uuid', '3', '/boot'],
    ['label', null, '/data x'],
    ['mapper', 'my-vg/swap', 'none'],
  ]);
  expect(guest.kernels.value?.map(({ version, kind }) => [version, kind])).toEqual([
    ['5.15.0-100-generic', 'distribution'],
    ['5.15.0-107-generic', 'distribution'],
    ['6.6.1-custom', 'custom'],
  ]);
  expect(guest.bootKernel).toEqual({ value: '6.6.1-custom', origin: '/boot/grub/grub.cfg, /boot/grub/grubenv' });
  expect(guest.kernelOrigin.value).toBe('custom');
  expect(guest.bootModes.value).toEqual(['bios', 'uefi']);
  expect(guest.bootLoaders.value?.map(({ kind }) => kind).sort()).toEqual(['esp', 'esp-fallback', 'grub-mbr']);
  expect(guest.networkSystems).toEqual({ value: ['netplan'], origin: '/etc/netplan' });
  expect(guest.guestAgents.value).toEqual(['qemu-guest-agent']);
  expect([guest.hasCloudInit.value, guest.isGeneralized.value, guest.usesLvm.value]).toEqual([true, true, true]);
  expect([guest.isEncrypted.value, guest.usesSwap.value, guest.mountsByDeviceName.value]).toEqual([false, true, true]);
  expect(guest.hostname).toEqual({ value: 'server', origin: '/etc/hostname' });
});

test('a machine that has an identity is not generalized; GRUB Legacy names the kernel', async () => {
  const guest = await inspect([
    await ext4Guest(work, {
      '/etc/redhat-release': 'CentOS release 6.10 (Final)\n',
      '/etc/ssh/ssh_host_rsa_key': 'x',
      '/etc/sysconfig/network': 'NETWORKING=yes\nHOSTNAME="old.example"\n',
      '/etc/sysconfig/network-scripts/ifcfg-eth0': '',
      '/boot/vmlinuz-2.6.32-696.el6.x86_64': '',
      '/boot/vmlinuz-2.6.32-754.el6.x86_64': '',
      '/boot/grub/grub.conf':
        'default=1\ntitle new\n kernel /vmlinuz-2.6.32-754.el6.x86_64 ro\ntitle old\n kernel (hd0,0)/vmlinuz-2.6.32-696.el6.x86_64 ro\n',
    }),
  ]);
  expect(guest.bootKernel.value).toBe('2.6.32-696.el6.x86_64');
  expect(guest.sshHostKeys.value).toEqual(['ssh_host_rsa_key']);
  expect(guest.isGeneralized.value).toBe(false);
  expect(guest.hostname.value).toBe('old.example');
  expect(guest.networkSystems.value).toEqual(['network-scripts']);
});

test('entries of the Boot Loader Specification; the update of Debian in a file of its own', async () => {
  const kernel = '5.14.0-427.13.1.el9_4.x86_64';
  const red = await inspect([
    await ext4Guest(work, {
      '/etc/redhat-release': 'Red Hat Enterprise Linux release 9.4 (Plow)\n',
      [`/boot/vmlinuz-${kernel}`]: '',
      '/boot/vmlinuz-5.14.0-503.el9.x86_64': '',
      '/boot/grub2/grub.cfg': 'set default="${saved_entry}"\nblscfg\n',
      '/boot/grub2/grubenv': `saved_entry=id-${kernel}\n`,
      [`/boot/loader/entries/id-${kernel}.conf`]: `title RHEL\nlinux /vmlinuz-${kernel}\n`,
    }),
  ]);
  expect(red.bootKernel).toEqual({
    value: kernel,
    origin: `/boot/loader/entries/id-${kernel}.conf, /boot/grub2/grubenv`,
  });
  const debian = await inspect([
    await ext4Guest(work, { '/etc/os-release': osRelease('debian', '12'), '/etc/debian_version': '12.5\n' }),
  ]);
  expect(debian.pointRelease).toEqual({ value: 'debian-12.5', origin: '/etc/debian_version' });
  expect(debian.release).toEqual({ value: 'debian-12', origin: '/etc/os-release' });
});

describe('the kernel that starts', () => {
  const kernels = (...versions: string[]): GuestTree =>
    Object.fromEntries(versions.map((version) => [`/boot/vmlinuz-${version}`, '']));
  const bootKernel = async (tree: GuestTree) =>
    (await inspect([await ext4Guest(work, { '/etc/os-release': osRelease('fedora', '43'), ...tree })])).bootKernel;
  const OLD = '6.17.9-300.fc43.x86_64';
  const NEW = '6.17.10-300.fc43.x86_64';
  const entry = (version: string) => `title Fedora (${version})\nversion ${version}\nlinux /vmlinuz-${version}\n`;
  const entries = {
    [`/boot/loader/entries/id-0-rescue.conf`]: `title Rescue\nversion 0-rescue-id\nlinux /vmlinuz-0-rescue-id\n`,
    [`/boot/loader/entries/id-${OLD}.conf`]: entry(OLD),
    [`/boot/loader/entries/id-${NEW}.conf`]: entry(NEW),
  };

  test('is the newest of the entries where none is saved, and rescue entries are last', async () => {
    const tree = { ...kernels(OLD, NEW), ...entries, '/boot/grub2/grub.cfg': 'blscfg\n' };
    expect(await bootKernel(tree)).toEqual({
      value: NEW,
      origin: `/boot/loader/entries/id-${NEW}.conf, /boot/grub2/grub.cfg`,
    });
    expect((await bootKernel({ ...tree, '/boot/grub2/grubenv': 'saved_entry=1\n' })).value).toBe(OLD);
  });

  test('is what GRUB_DEFAULT made of the menu: a title, or the saved entry', async () => {
    const menu = (value: string) =>
      `set default="${value}"\nmenuentry 'New' {\n linux /boot/vmlinuz-${NEW}\n}\nmenuentry 'Old' {\n linux /boot/vmlinuz-${OLD}\n}\n`;
    const tree = kernels(OLD, NEW);
    expect(await bootKernel({ ...tree, '/boot/grub/grub.cfg': menu('Old') })).toEqual({
      value: OLD,
      origin: '/boot/grub/grub.cfg',
    });
    const saved = { '/boot/grub/grub.cfg': menu('${saved_entry}'), '/boot/grub/grubenv': 'saved_entry=Old\n' };
    expect(await bootKernel({ ...tree, ...saved })).toEqual({
      value: OLD,
      origin: '/boot/grub/grub.cfg, /boot/grub/grubenv',
    });
    expect((await bootKernel({ ...tree, '/boot/grub/grub.cfg': menu('Gone') })).value).toBeNull();
  });

  test('is the default of systemd-boot, and unknown where the firmware keeps it', async () => {
    const tree = { ...kernels(OLD, NEW), ...entries };
    expect(await bootKernel({ ...tree, '/boot/loader/loader.conf': `default id-${OLD}.conf\n` })).toEqual({
      value: OLD,
      origin: `/boot/loader/entries/id-${OLD}.conf, /boot/loader/loader.conf`,
    });
    expect((await bootKernel({ ...tree, '/boot/loader/loader.conf': 'default id-6.17.9*\n' })).value).toBe(OLD);
    expect((await bootKernel(tree)).value).toBe(NEW);
    expect((await bootKernel({ ...tree, '/boot/loader/loader.conf': 'default @saved\n' })).value).toBeNull();
  });

  test('is the label of extlinux', async () => {
    const menu = `DEFAULT old\nLABEL new\n LINUX ../vmlinuz-${NEW}\nLABEL old\n KERNEL ../vmlinuz-${OLD}\n`;
    const tree = kernels(OLD, NEW);
    expect(await bootKernel({ ...tree, '/boot/extlinux/extlinux.conf': menu })).toEqual({
      value: OLD,
      origin: '/boot/extlinux/extlinux.conf',
    });
    const marked = menu.replace('DEFAULT old', 'DEFAULT menu.c32').replace('LABEL new', 'LABEL new\n MENU DEFAULT');
    expect((await bootKernel({ ...tree, '/boot/extlinux/extlinux.conf': marked })).value).toBe(NEW);
  });
});

test('/boot and /usr of their own, by PARTUUID and PARTLABEL', async () => {
  const kernel = '6.1.0-21-amd64';
  const guest = await inspect([
    await ext4Guest(
      work,
      {
        '/etc/os-release': '-> ../usr/lib/os-release',
        '/etc/fstab': 'PARTUUID=0a1b2c3d-02 /usr ext4 ro 0 2\nPARTLABEL=boot\\040files /boot ext4 ro 0 2\n',
        '/usr/empty': '',
        '/boot/empty': '',
        '/bin': '-> usr/bin',
      },
      '1',
    ),
    {
      ...(await ext4Guest(work, { '/lib/os-release': osRelease('debian', '12'), '/bin/sh': ELF }, '2')),
      partitionUuid: '0A1B2C3D-02',
    },
    { ...(await ext4Guest(work, { [`/vmlinuz-${kernel}`]: '' }, '3')), partitionName: 'boot files' },
  ]);
  expect(guest.warnings).toEqual([]);
  expect(guest.release.value).toBe('debian-12');
  expect(guest.bootKernel.value).toBe(kernel);
  expect(guest.architecture.value).toBe('x86_64');
  expect(guest.fstab.value?.map(({ volume }) => volume)).toEqual(['2', '3']);
});

test('Oracle Linux is not taken for Red Hat, and its own kernel is its own', async () => {
  const guest = await inspect([
    await ext4Guest(work, {
      '/etc/redhat-release': 'Red Hat Enterprise Linux release 8.10 (Ootpa)\n',
      '/etc/oracle-release': 'Oracle Linux Server release 8.10\n',
      '/boot/vmlinuz-5.15.0-206.153.7.el8uek.x86_64': '',
    }),
  ]);
  expect([guest.release.value, guest.pointRelease.value]).toEqual(['ol-8', 'ol-8.10']);
  expect(guest.kernelOrigin.value).toBe('distribution');
  expect(guest.endOfLife.value?.date).toBe('2029-07-31');
});

test('a service pack of SUSE that the table does not have is unknown, whatever it says of others', async () => {
  const endOfLife = async (version: string) =>
    (await inspect([await ext4Guest(work, { '/etc/os-release': osRelease('sles', version) })])).endOfLife;
  expect((await endOfLife('15.5')).value?.date).toBe('2024-12-31');
  expect((await endOfLife('15.9')).value).toBeNull();
});

test('a system in deployments of OSTree is unknown', async () => {
  const deployment = '/ostree/deploy/fedora/deploy/0123.0';
  const guest = await inspect([
    await ext4Guest(work, { [`${deployment}/etc/os-release`]: osRelease('fedora', '43'), '/ostree/repo/config': '' }),
  ]);
  expect([guest.family.value, guest.release.value]).toEqual([null, null]);
});

describe('hostile files', () => {
  test('links in a circle, a huge file and a folder in its place are unknown, with warnings', async () => {
    const guest = await inspect([
      await ext4Guest(work, {
        '/etc/os-release': '-> os-release',
        '/etc/debian_version': '12.5\n',
        '/etc/fstab': Buffer.alloc(1_100_000, 'a'),
        '/etc/hostname/folder': '',
      }),
    ]);
    expect(guest.release.value).toBe('debian-12');
    expect([guest.fstab.value, guest.hostname.value]).toEqual([null, null]);
    expect(guest.warnings.map(({ code, data }) => [code, data.path])).toEqual([
      ['GUEST_FILE_UNREADABLE', '/etc/os-release'],
      ['GUEST_FILE_UNREADABLE', '/etc/fstab'],
    ]);
  });

  test('links do not leave the guest', async () => {
    const guest = await inspect([
      await ext4Guest(work, { '/etc/os-release': '-> ../../../../../../etc/own', '/etc/own': osRelease('arch', '') }),
    ]);
    expect(guest.release.value).toBe('arch');
  });

  test('a disk without a system knows nothing and throws nothing', async () => {
    const guest = await inspect([], new Uint8Array(0));
    expect(guest.family.value).toBeNull();
    expect(guest.bootModes.value).toBeNull();
  });
});
