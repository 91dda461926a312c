/** Linux systems as their installers lay them out: tables, file systems, loaders, and the files by which they are told. */
import { ELF, type GuestTree } from './guests.ts';
import type { PhonyGuest, PhonyPartition, PhonyVolume } from './phony-guests.ts';
import { below } from './phony-volumes.ts';

const ROOT_UUID = '0a1b2c3d-1111-4222-8333-000000000001';
const BOOT_UUID = '0a1b2c3d-1111-4222-8333-000000000002';
const SWAP_UUID = '0a1b2c3d-1111-4222-8333-000000000003';
const ROOT_PARTUUID = '0A1B2C3D-1111-4222-8333-00000000000A';
const ESP_ID = 'ABCD-1234';

const fstab = (...lines: string[]) => `${lines.join('\n')}\n`;
const MERGED_USR: GuestTree = { '/usr/bin/bash': ELF, '/usr/bin/sh': '-> bash', '/bin': '-> usr/bin' };
const OLD_BIN: GuestTree = { '/bin/bash': ELF, '/bin/sh': '-> bash' };

const osRelease = (values: Record<string, string>): GuestTree => ({
  '/usr/lib/os-release': Object.entries(values)
    .map(([name, value]) => `${name}="${value}"\n`)
    .join(''),
  '/etc/os-release': '-> ../usr/lib/os-release',
});

const volume = (
  fileSystem: PhonyVolume['fileSystem'],
  mib: number,
  files: GuestTree,
  more: Partial<PhonyVolume> = {},
) => ({ fileSystem, mib, files, ...more }) satisfies PhonyVolume;
const root = (kind: 'ext3' | 'ext4' | 'xfs', files: GuestTree, more: Partial<PhonyVolume> = {}) =>
  volume(kind, kind === 'xfs' ? 16 : 8, files, { uuid: ROOT_UUID, ...more });
const boot = (kind: 'ext3' | 'ext4' | 'xfs', files: GuestTree, more: Partial<PhonyVolume> = {}) =>
  root(kind, files, { uuid: BOOT_UUID, ...more });
const swap = volume('swap', 1, {}, { uuid: SWAP_UUID });
const linux = (content: PhonyVolume): PhonyPartition => ({ role: 'linux', volume: content });
const esp = (...loaders: string[]): PhonyPartition => ({
  role: 'esp',
  name: 'EFI System Partition',
  volume: volume('fat', 4, Object.fromEntries(loaders.map((path) => [path, 'MZ'])), { uuid: ESP_ID }),
});
const BIOS_BOOT: PhonyPartition = { role: 'bios-boot' };

/** mkfs.xfs of RHEL 7, and of RHEL 8. */
const XFS_7 = ['-m', 'crc=1,finobt=0,rmapbt=0,reflink=0,bigtime=0,inobtcount=0', '-i', 'sparse=0'];
const XFS_8 = ['-m', 'crc=1,finobt=1,rmapbt=0,reflink=1,bigtime=0,inobtcount=0'];

const grub2 = (title: string, kernel: string, folder = '') =>
  `set default="0"\nmenuentry '${title}' --class os {\n\tlinux${folder ? '' : '16'} ${folder}/vmlinuz-${kernel} root=UUID=${ROOT_UUID} ro\n}\n`;

type Told = PhonyGuest['told'];
const told = (
  release: string,
  pointRelease: string | null,
  bootKernel: string | null,
  more: Partial<Told> = {},
): Told => ({
  release,
  pointRelease,
  bootKernel,
  bootModes: ['bios'],
  usesLvm: false,
  ...more,
});

/** CentOS and RHEL 5 and 6: GRUB Legacy in a /boot of its own. */
function legacyRedHat(id: 'centos' | 'rhel', version: string, words: string, kernel: string): PhonyGuest {
  const isFive = version.startsWith('5');
  const kind = isFive ? 'ext3' : 'ext4';
  const usesLvm = id === 'rhel';
  const group = isFive ? 'VolGroup00' : 'VolGroup';
  const [rootName, swapName] = isFive ? ['LogVol00', 'LogVol01'] : ['lv_root', 'lv_swap'];
  const table = usesLvm
    ? fstab(
        `/dev/mapper/${group}-${rootName} / ${kind} defaults 1 1`,
        `/dev/${group}/${swapName} swap swap defaults 0 0`,
      )
    : fstab(`UUID=${ROOT_UUID} / ${kind} defaults 1 1`, `UUID=${SWAP_UUID} swap swap defaults 0 0`);
  const files: GuestTree = {
    '/etc/redhat-release': `${words}\n`,
    '/etc/fstab': `${table}${isFive ? 'LABEL=/boot' : `UUID=${BOOT_UUID}`} /boot ${kind} defaults 1 2\nproc /proc proc defaults 0 0\n`,
    '/etc/sysconfig/network': 'NETWORKING=yes\nHOSTNAME=localhost.localdomain\n',
    '/etc/sysconfig/network-scripts/ifcfg-eth0': 'DEVICE=eth0\nBOOTPROTO=dhcp\n',
    '/boot/empty': '',
    ...OLD_BIN,
  };
  const bootFiles: GuestTree = {
    [`/vmlinuz-${kernel}`]: '',
    '/grub/grub.conf': `default=0\ntimeout=5\ntitle ${id} (${kernel})\n\troot (hd0,0)\n\tkernel /vmlinuz-${kernel} ro\n`,
    '/grub/menu.lst': '-> ./grub.conf',
  };
  const options = isFive ? ['-I', '128'] : [];
  const first = linux(boot(kind, bootFiles, { label: isFive ? '/boot' : '', options }));
  const volumes = { [rootName]: root(kind, files, { options }), [swapName]: swap };
  return {
    table: 'mbr',
    bootCode: 'grub',
    partitions: usesLvm
      ? [first, { role: 'lvm', group: { name: group, volumes } }]
      : [first, ...Object.values(volumes).map(linux)],
    told: told(`${id}-${version.split('.')[0]}`, `${id}-${version}`, kernel, { usesLvm }),
  };
}

/** CentOS and RHEL from 7 on; from 8 on by UEFI, with entries of the Boot Loader Specification. */
function redHat(id: string, version: string, words: string, kernel: string, usesLvm: boolean): PhonyGuest {
  const major = version.split('.')[0];
  const isSeven = major === '7';
  const options = isSeven ? XFS_7 : XFS_8;
  const machineId = 'fedcba98765432100123456789abcdef';
  const rootLine = usesLvm ? `/dev/mapper/${id}-root / xfs defaults 0 0` : `UUID=${ROOT_UUID} / xfs defaults 0 0`;
  const swapLine = usesLvm
    ? `/dev/mapper/${id}-swap swap swap defaults 0 0`
    : `UUID=${SWAP_UUID} swap swap defaults 0 0`;
  const espLine = isSeven ? [] : [`UUID=${ESP_ID} /boot/efi vfat umask=0077 0 2`];
  const files: GuestTree = {
    '/etc/redhat-release': `${words}\n`,
    ...osRelease({
      NAME: words.split(' release')[0],
      ID: id,
      VERSION_ID: isSeven ? major : version,
      PRETTY_NAME: words,
    }),
    '/etc/fstab': fstab(rootLine, `UUID=${BOOT_UUID} /boot xfs defaults 0 0`, ...espLine, swapLine),
    '/etc/machine-id': `${machineId}\n`,
    '/etc/hostname': 'localhost.localdomain\n',
    '/etc/sysconfig/network-scripts/ifcfg-eth0': 'BOOTPROTO=dhcp\n',
    '/etc/NetworkManager/empty': '',
    '/boot/empty': '',
    ...MERGED_USR,
  };
  const configuration: GuestTree = isSeven
    ? { '/grub2/grub.cfg': grub2(words, kernel) }
    : {
        '/grub2/grub.cfg': 'set default="${saved_entry}"\ninsmod blscfg\nblscfg\n',
        '/grub2/grubenv': `# GRUB Environment Block\nsaved_entry=${machineId}-${kernel}\n`,
        [`/loader/entries/${machineId}-${kernel}.conf`]: `title ${words}\nversion ${kernel}\nlinux /vmlinuz-${kernel}\n`,
      };
  const rescue = `/vmlinuz-0-rescue-${machineId}`;
  const bootFiles: GuestTree = { [`/vmlinuz-${kernel}`]: '', [rescue]: '', ...configuration };
  const volumes = { root: root('xfs', files, { options }), swap };
  const rest = usesLvm ? [{ role: 'lvm' as const, group: { name: id, volumes } }] : Object.values(volumes).map(linux);
  const bootPartition = linux(boot('xfs', bootFiles, { options }));
  return {
    table: isSeven ? 'mbr' : 'gpt',
    bootCode: isSeven ? 'grub' : null,
    partitions: isSeven
      ? [bootPartition, ...rest]
      : [esp(`/EFI/${id}/shimx64.efi`, '/EFI/BOOT/BOOTX64.EFI'), bootPartition, ...rest],
    told: told(`${id}-${major}`, `${id}-${/^\d+\.\d+/.exec(version)![0]}`, kernel, {
      usesLvm,
      bootModes: [isSeven ? 'bios' : 'uefi'],
    }),
  };
}

/** Ubuntu: from 20.04 on the server's installer makes a volume group; here from 22.04 on with UEFI. */
function ubuntu(version: string, point: string, kernel: string): PhonyGuest {
  const isOld = version < '20';
  const isUefi = version >= '22';
  const words = `Ubuntu ${point} LTS`;
  const files: GuestTree = {
    ...osRelease({ NAME: 'Ubuntu', VERSION: `${point} LTS`, ID: 'ubuntu', PRETTY_NAME: words, VERSION_ID: version }),
    '/etc/lsb-release': `DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=${version}\nDISTRIB_DESCRIPTION="${words}"\n`,
    '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
    '/etc/hostname': 'ubuntu\n',
    ...(version === '16.04'
      ? { '/etc/network/interfaces': 'auto lo\n' }
      : { '/etc/netplan/50-cloud-init.yaml': 'network: {version: 2}\n' }),
    [`/var/lib/dpkg/info/linux-image-${kernel}.list`]: `/boot/vmlinuz-${kernel}\n`,
    ...(isOld ? OLD_BIN : MERGED_USR),
  };
  const kernelFiles = (top: string): GuestTree => ({
    [`${top}/vmlinuz-${kernel}`]: '',
    [`${top}/vmlinuz`]: `-> vmlinuz-${kernel}`,
    [`${top}/grub/grub.cfg`]: `if [ "\${next_entry}" ] ; then\n   set default="\${next_entry}"\nelse\n   set default="0"\nfi\n${grub2('Ubuntu', kernel, top || '/.').replace('/./', '/')}`,
  });
  const result = told(`ubuntu-${version}`, `ubuntu-${point}`, kernel);
  if (isOld) {
    const table = fstab(`UUID=${ROOT_UUID} / ext4 errors=remount-ro 0 1`, '/swapfile none swap sw 0 0');
    const only = root('ext4', { ...files, ...kernelFiles('/boot'), '/etc/fstab': table });
    return { table: 'mbr', bootCode: 'grub', partitions: [linux(only)], told: result };
  }
  const table = fstab(
    '/dev/disk/by-id/dm-uuid-LVM-phony / ext4 defaults 0 1',
    `/dev/disk/by-uuid/${BOOT_UUID} /boot ext4 defaults 0 1`,
    ...(isUefi ? [`/dev/disk/by-uuid/${ESP_ID} /boot/efi vfat defaults 0 1`] : []),
    '/swap.img none swap sw 0 0',
  );
  const tree = { ...files, '/etc/fstab': table, '/boot/empty': '' };
  const group = { name: 'ubuntu-vg', volumes: { 'ubuntu-lv': root('ext4', tree) } };
  return {
    table: 'gpt',
    bootCode: isUefi ? null : 'grub',
    partitions: [
      isUefi ? esp('/EFI/ubuntu/shimx64.efi', '/EFI/BOOT/BOOTX64.EFI') : BIOS_BOOT,
      linux(boot('ext4', kernelFiles(''))),
      { role: 'lvm', group },
    ],
    told: { ...result, usesLvm: true, bootModes: [isUefi ? 'uefi' : 'bios'] },
  };
}

function debian(version: string, point: string, codename: string, kernel: string): PhonyGuest {
  const isUefi = Number(version) >= 12;
  const words = `Debian GNU/Linux ${version} (${codename})`;
  const files: GuestTree = {
    ...osRelease({ PRETTY_NAME: words, NAME: 'Debian GNU/Linux', VERSION_ID: version, ID: 'debian' }),
    '/etc/debian_version': `${point}\n`,
    '/etc/fstab': fstab(
      `UUID=${ROOT_UUID} / ext4 errors=remount-ro 0 1`,
      ...(isUefi ? [`UUID=${ESP_ID} /boot/efi vfat umask=0077 0 1`] : []),
      `UUID=${SWAP_UUID} none swap sw 0 0`,
    ),
    '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
    '/etc/hostname': 'debian\n',
    '/etc/network/interfaces': 'auto lo\n',
    [`/boot/vmlinuz-${kernel}`]: '',
    '/boot/grub/grub.cfg': grub2('Debian GNU/Linux', kernel, '/boot'),
    [`/var/lib/dpkg/info/linux-image-${kernel}.list`]: `/boot/vmlinuz-${kernel}\n`,
    ...(Number(version) < 10 ? OLD_BIN : MERGED_USR),
  };
  const partitions = [linux(root('ext4', files)), linux(swap)];
  return {
    table: isUefi ? 'gpt' : 'mbr',
    bootCode: isUefi ? null : 'grub',
    partitions: isUefi ? [esp('/EFI/debian/shimx64.efi'), ...partitions] : partitions,
    told: told(`debian-${version}`, `debian-${point}`, kernel, { bootModes: [isUefi ? 'uefi' : 'bios'] }),
  };
}

/** Fedora: btrfs with the subvolumes root and home, /boot of its own. */
function fedora(version: string, kernel: string): PhonyGuest {
  const machineId = 'fedcba98765432100123456789abcdef';
  const files: GuestTree = {
    '/etc/redhat-release': `Fedora release ${version} (Phony)\n`,
    ...osRelease({ NAME: 'Fedora Linux', ID: 'fedora', VERSION_ID: version, PRETTY_NAME: `Fedora Linux ${version}` }),
    '/etc/fstab': fstab(
      `UUID=${ROOT_UUID} / btrfs subvol=root,compress=zstd:1 0 0`,
      `UUID=${BOOT_UUID} /boot ext4 defaults 1 2`,
      `UUID=${ESP_ID} /boot/efi vfat umask=0077 0 2`,
      `UUID=${ROOT_UUID} /home btrfs subvol=home,compress=zstd:1 0 0`,
    ),
    '/etc/machine-id': `${machineId}\n`,
    '/boot/empty': '',
    ...MERGED_USR,
  };
  const bootFiles: GuestTree = {
    [`/vmlinuz-${kernel}`]: '',
    '/grub2/grub.cfg': 'set default="${saved_entry}"\nblscfg\n',
    '/grub2/grubenv': `saved_entry=${machineId}-${kernel}\n`,
    [`/loader/entries/${machineId}-${kernel}.conf`]: `title Fedora\nlinux /vmlinuz-${kernel}\n`,
  };
  const subvolumes = ['root', 'home'];
  return {
    table: 'gpt',
    bootCode: null,
    partitions: [
      esp('/EFI/fedora/shimx64.efi', '/EFI/BOOT/BOOTX64.EFI'),
      linux(boot('ext4', bootFiles)),
      linux(volume('btrfs', 112, below('root', files), { uuid: ROOT_UUID, subvolumes })),
    ],
    told: told(`fedora-${version}`, null, kernel, { bootModes: ['uefi'] }),
  };
}

/** openSUSE: btrfs, and the root is the snapshot that is the default subvolume. */
function leap(version: string, kernel: string): PhonyGuest {
  const snapshot = '@/.snapshots/1/snapshot';
  const files: GuestTree = {
    ...osRelease({
      NAME: 'openSUSE Leap',
      ID: 'opensuse-leap',
      VERSION_ID: version,
      PRETTY_NAME: `openSUSE Leap ${version}`,
    }),
    '/etc/fstab': fstab(`UUID=${ROOT_UUID} / btrfs defaults 0 0`, `UUID=${ROOT_UUID} /var btrfs subvol=/@/var 0 0`),
    '/etc/sysconfig/network/ifcfg-eth0': "BOOTPROTO='dhcp'\n",
    [`/boot/vmlinuz-${kernel}`]: '',
    '/boot/grub2/grub.cfg': grub2('openSUSE', kernel, '/boot'),
    ...MERGED_USR,
  };
  const files2 = below(snapshot, files);
  const options = { uuid: ROOT_UUID, subvolumes: ['@', '@/var', snapshot], defaultSubvolume: snapshot };
  return {
    table: 'gpt',
    bootCode: 'grub',
    partitions: [BIOS_BOOT, linux(volume('btrfs', 112, files2, options))],
    told: told('opensuse-leap-15', `opensuse-leap-${version}`, kernel),
  };
}

/** Arch with systemd-boot: the ESP is /boot and holds the kernel. */
function arch(): PhonyGuest {
  const files: GuestTree = {
    ...osRelease({ NAME: 'Arch Linux', ID: 'arch', PRETTY_NAME: 'Arch Linux' }),
    '/etc/fstab': fstab(`PARTUUID=${ROOT_PARTUUID} / ext4 rw 0 1`, `UUID=${ESP_ID} /boot vfat rw 0 2`),
    '/etc/systemd/network/20-wired.network': '[Match]\nName=en*\n',
    '/boot/empty': '',
    ...MERGED_USR,
  };
  const efi: GuestTree = {
    '/EFI/systemd/systemd-bootx64.efi': 'MZ',
    '/EFI/BOOT/BOOTX64.EFI': 'MZ',
    '/vmlinuz-linux': '',
    '/loader/loader.conf': 'default arch.conf\n',
    '/loader/entries/arch.conf': 'title Arch Linux\nlinux /vmlinuz-linux\n',
  };
  return {
    table: 'gpt',
    bootCode: null,
    partitions: [
      { role: 'esp', name: 'EFI System Partition', volume: volume('fat', 4, efi, { uuid: ESP_ID }) },
      { role: 'linux', uuid: ROOT_PARTUUID, name: 'root', volume: root('ext4', files) },
    ],
    told: told('arch', null, 'linux', { bootModes: ['uefi'] }),
  };
}

/** Alpine: musl and busybox, extlinux in /boot. */
function alpine(version: string): PhonyGuest {
  const files: GuestTree = {
    '/etc/os-release': `NAME="Alpine Linux"\nID=alpine\nVERSION_ID=${version}\nPRETTY_NAME="Alpine Linux v${version.slice(0, 4)}"\n`,
    '/etc/alpine-release': `${version}\n`,
    '/etc/fstab': fstab(`UUID=${BOOT_UUID} /boot ext4 rw 0 2`, `UUID=${ROOT_UUID} / ext4 rw 0 1`),
    '/etc/network/interfaces': 'auto lo\n',
    '/bin/busybox': ELF,
    '/bin/sh': '-> /bin/busybox',
    '/boot/empty': '',
  };
  const bootFiles: GuestTree = {
    '/vmlinuz-lts': '',
    '/vmlinuz-virt': '',
    '/extlinux.conf':
      'DEFAULT menu.c32\nPROMPT 0\nLABEL lts\n  MENU DEFAULT\n  LINUX vmlinuz-lts\nLABEL virt\n  LINUX vmlinuz-virt\n',
  };
  const release = version.split('.').slice(0, 2).join('.');
  return {
    table: 'mbr',
    bootCode: 'syslinux',
    partitions: [linux(boot('ext4', bootFiles)), linux(root('ext4', files))],
    told: told(`alpine-${release}`, `alpine-${version}`, 'lts'),
  };
}

const RHEL = 'Red Hat Enterprise Linux';

export const LINUX_GUESTS: Readonly<Record<string, () => PhonyGuest>> = {
  'centos-5': () => legacyRedHat('centos', '5.11', 'CentOS release 5.11 (Final)', '2.6.18-398.el5'),
  'centos-6.10': () => legacyRedHat('centos', '6.10', 'CentOS release 6.10 (Final)', '2.6.32-754.el6.x86_64'),
  'centos-7.6': () =>
    redHat('centos', '7.6.1810', 'CentOS Linux release 7.6.1810 (Core)', '3.10.0-957.el7.x86_64', false),
  'centos-7.6-lvm': () =>
    redHat('centos', '7.6.1810', 'CentOS Linux release 7.6.1810 (Core)', '3.10.0-957.el7.x86_64', true),
  'rhel-5': () => legacyRedHat('rhel', '5.11', `${RHEL} Server release 5.11 (Tikanga)`, '2.6.18-398.el5'),
  'rhel-6': () => legacyRedHat('rhel', '6.10', `${RHEL} Server release 6.10 (Santiago)`, '2.6.32-754.el6.x86_64'),
  'rhel-7': () => redHat('rhel', '7.9', `${RHEL} Server release 7.9 (Maipo)`, '3.10.0-1160.el7.x86_64', true),
  'rhel-8': () => redHat('rhel', '8.10', `${RHEL} release 8.10 (Ootpa)`, '4.18.0-553.el8_10.x86_64', true),
  'rhel-9': () => redHat('rhel', '9.4', `${RHEL} release 9.4 (Plow)`, '5.14.0-427.13.1.el9_4.x86_64', true),
  'ubuntu-16.04': () => ubuntu('16.04', '16.04.7', '4.4.0-210-generic'),
  'ubuntu-18.04': () => ubuntu('18.04', '18.04.6', '4.15.0-213-generic'),
  'ubuntu-20.04': () => ubuntu('20.04', '20.04.6', '5.4.0-182-generic'),
  'ubuntu-22.04': () => ubuntu('22.04', '22.04.4', '5.15.0-107-generic'),
  'ubuntu-24.04': () => ubuntu('24.04', '24.04.1', '6.8.0-45-generic'),
  'debian-9': () => debian('9', '9.13', 'stretch', '4.9.0-19-amd64'),
  'debian-11': () => debian('11', '11.11', 'bullseye', '5.10.0-33-amd64'),
  'debian-12': () => debian('12', '12.5', 'bookworm', '6.1.0-21-amd64'),
  'debian-13': () => debian('13', '13.1', 'trixie', '6.12.48+deb13-amd64'),
  'fedora-43': () => fedora('43', '6.17.1-300.fc43.x86_64'),
  'opensuse-leap-15.6': () => leap('15.6', '6.4.0-150600.21-default'),
  arch,
  'alpine-3.22': () => alpine('3.22.1'),
};
