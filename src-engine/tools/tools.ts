/** Other people's programs that change what own readers only read, and where Debian has them. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Program to package. A program that is not here is not run. */
export const TOOL_PACKAGES = {
  VBoxManage: 'virtualbox',
  btrfs: 'btrfs-progs',
  btrfstune: 'btrfs-progs',
  cat: 'coreutils',
  cp: 'coreutils',
  debugfs: 'e2fsprogs',
  dosfsck: 'dosfstools',
  dumpe2fs: 'e2fsprogs',
  e2fsck: 'e2fsprogs',
  e2label: 'e2fsprogs',
  efibootmgr: 'efibootmgr',
  fatresize: 'fatresize',
  filefrag: 'e2fsprogs',
  fincore: 'util-linux-extra',
  flock: 'util-linux',
  eject: 'eject',
  'grub-bios-setup': 'grub-pc-bin',
  'grub-mkimage': 'grub-common',
  losetup: 'mount',
  lvm: 'lvm2',
  mattrib: 'mtools',
  mcopy: 'mtools',
  mdadm: 'mdadm',
  mdel: 'mtools',
  mdeltree: 'mtools',
  mke2fs: 'e2fsprogs',
  'mkfs.xfs': 'xfsprogs',
  mkdir: 'coreutils',
  mkswap: 'util-linux',
  mlabel: 'mtools',
  mmd: 'mtools',
  mount: 'mount',
  nsenter: 'util-linux',
  'ntfs-3g': 'ntfs-3g',
  ntfscp: 'ntfs-3g',
  ntfsfix: 'ntfs-3g',
  ntfslabel: 'ntfs-3g',
  ntfsresize: 'ntfs-3g',
  'qemu-img': 'qemu-utils',
  'qemu-storage-daemon': 'qemu-system-common',
  'qemu-system-x86_64': 'qemu-system-x86',
  resize2fs: 'e2fsprogs',
  setpriv: 'util-linux',
  ssh: 'openssh-client',
  swaplabel: 'util-linux',
  sync: 'coreutils',
  tune2fs: 'e2fsprogs',
  udisksctl: 'udisks2',
  umount: 'mount',
  unshare: 'util-linux',
  virsh: 'libvirt-clients',
  'xdg-open': 'xdg-utils',
  xfs_admin: 'xfsprogs',
  xfs_db: 'xfsprogs',
  xfs_growfs: 'xfsprogs',
  xfs_repair: 'xfsprogs',
} as const;

export type Tool = keyof typeof TOOL_PACKAGES;

/** Programs for administrators are not in everybody's path. */
const ADMIN_FOLDERS = ['/usr/sbin', '/sbin', '/usr/local/sbin'];

/** Folders that are looked through for programs, in their order. */
export function toolFolders(path: string = process.env.PATH ?? ''): string[] {
  // an empty part means the present folder, in which anybody may have put anything
  const own = path.split(delimiter).filter((folder) => folder.startsWith('/'));
  return [...new Set([...own, ...ADMIN_FOLDERS])];
}

/** @returns the path of a program, or null where it is not installed */
export function findTool(tool: Tool, folders: readonly string[] = toolFolders()): string | null {
  for (const folder of folders) {
    const path = join(folder, tool);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // the next one may have it
    }
  }
  return null;
}
