/** Programs of other people that the tests use: as judges of what Diskpress reads and writes, and to boot what it deploys. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian's package, and a program of it by which other systems can tell whether it is there. The one list of them. */
const PACKAGES = {
  'afflib-tools': 'affconvert',
  'android-sdk-libsparse-utils': 'img2simg',
  apfsprogs: 'mkapfs',
  'bcache-tools': 'make-bcache',
  binutils: 'ar',
  'btrfs-progs': 'mkfs.btrfs',
  bzip2: 'bzip2',
  chromium: 'chromium',
  chntpw: 'reged',
  'cloop-utils': 'create_compressed_fs',
  cpio: 'cpio',
  'cryptsetup-bin': 'cryptsetup',
  'dbus-daemon': 'dbus-daemon',
  dosfstools: 'mkfs.vfat',
  'dracut-core': 'dracut',
  'drbd-utils': 'drbdmeta',
  e2fsprogs: 'mkfs.ext4',
  eatmydata: 'eatmydata',
  efibootmgr: 'efibootmgr',
  'erofs-utils': 'mkfs.erofs',
  'ewf-tools': 'ewfacquirestream',
  'exfat-fuse': 'mount.exfat-fuse',
  exfatprogs: 'mkfs.exfat',
  extlinux: 'extlinux',
  'f2fs-tools': 'mkfs.f2fs',
  faketime: 'faketime',
  fdisk: 'sfdisk',
  fish: 'fish',
  gdisk: 'sgdisk',
  genisoimage: 'genisoimage',
  genromfs: 'genromfs',
  'gfs2-utils': 'mkfs.gfs2',
  'grub-efi-amd64-signed': null,
  'grub-pc-bin': 'grub-mkimage',
  hfsutils: 'hformat',
  jfsutils: 'mkfs.jfs',
  lbzip2: 'lbzip2',
  'initramfs-tools-core': 'mkinitramfs',
  'libarchive-tools': 'bsdtar',
  'libhivex-bin': 'hivexsh',
  'libnbd-bin': 'nbdfuse',
  'libvirt-clients': 'virsh',
  'libvirt-daemon-system': 'libvirtd',
  'libwin-hivex-perl': 'hivexregedit',
  lrzip: 'lrzip',
  lvm2: 'pvcreate',
  lz4: 'lz4',
  lzip: 'lzip',
  lzop: 'lzop',
  makefs: 'makefs',
  mdadm: 'mdadm',
  mmdebstrap: 'mmdebstrap',
  mount: 'losetup',
  'mtd-utils': 'mkfs.jffs2',
  mtools: 'mcopy',
  nbdkit: 'nbdkit',
  ncompress: 'compress',
  'nilfs-tools': 'mkfs.nilfs2',
  'ntfs-3g': 'mkfs.ntfs',
  'ocfs2-tools': 'mkfs.ocfs2',
  ovmf: null,
  partclone: 'partclone.ext4',
  'openssh-client': 'ssh',
  'openssh-server': 'sshd',
  parted: 'parted',
  pigz: 'pigz',
  pixz: 'pixz',
  pkexec: 'pkexec',
  polkitd: null,
  'poppler-utils': 'pdftotext',
  python3: 'python3',
  'python3-jsonschema': null,
  'python3-libnbd': null,
  'qemu-system-x86': 'qemu-system-x86_64',
  'qemu-utils': 'qemu-img',
  reiser4progs: 'mkfs.reiser4',
  reiserfsprogs: 'mkreiserfs',
  'shim-signed': null,
  'squashfs-tools': 'mksquashfs',
  syslinux: 'syslinux',
  udftools: 'mkudffs',
  'util-linux': 'lsblk',
  wimtools: 'wimlib-imagex',
  xfsprogs: 'mkfs.xfs',
  xorriso: 'xorriso',
  'xz-utils': 'xz',
  zsh: 'zsh',
  zstd: 'zstd',
  zsync: 'zsyncmake',
};

const isDebian = existsSync('/etc/debian_version');
const isRoot = process.getuid?.() === 0;

/** Installs what is missing on Debian as root; elsewhere names it. Tests without their programs say that they are skipped. */
export function ensureSystemPackages() {
  const missing = isDebian ? missingPackages() : missingPrograms();
  if (missing.length === 0) return;
  if (isDebian && isRoot) {
    console.log(`Installing for the tests: ${missing.join(' ')}`);
    if (aptGet('update') && aptGet('install', '--yes', '--no-install-recommends', ...missing)) return;
    console.log('apt-get failed.');
  }
  console.log(`MISSING, tests that need them are skipped: ${missing.join(' ')}`);
}

function missingPackages() {
  const { stdout } = spawnSync(
    'dpkg-query',
    ['-W', '-f', '${Package} ${db:Status-Status}\n', ...Object.keys(PACKAGES)],
    {
      encoding: 'utf8',
    },
  );
  const installed = new Set(stdout.split('\n').filter((line) => line.endsWith(' installed')));
  return Object.keys(PACKAGES).filter((name) => !installed.has(`${name} installed`));
}

function missingPrograms() {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/sbin', '/usr/sbin'];
  const isThere = (program) => program === null || folders.some((folder) => existsSync(join(folder, program)));
  return Object.keys(PACKAGES).filter((name) => !isThere(PACKAGES[name]));
}

function aptGet(...args) {
  const options = {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  };
  return spawnSync('apt-get', ['-qq', ...args], options).status === 0;
}
