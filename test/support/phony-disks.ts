/** Whole disks with a phony guest on them: a table, the files by which a system is told, and what starts it. */
import { closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { place } from './disks.ts';
import { ELF, ext4Image, type GuestTree } from './guests.ts';
import { MIB, run, runWithInput, type Workbench } from './workbench.ts';

export const CENTOS_6: GuestTree = {
  '/etc/redhat-release': 'CentOS release 6.10 (Final)\n',
  '/boot/vmlinuz-2.6.32-754.el6.x86_64': '',
  '/bin/sh': ELF,
};

export const CENTOS_7: GuestTree = {
  '/etc/redhat-release': 'CentOS Linux release 7.6.1810 (Core)\n',
  '/etc/os-release': 'NAME="CentOS Linux"\nID="centos"\nVERSION_ID="7"\nPRETTY_NAME="CentOS Linux 7 (Core)"\n',
  '/boot/vmlinuz-3.10.0-957.el7.x86_64': '',
  '/bin/sh': ELF,
};

/** In support for years after these tests were written. */
export const DEBIAN_13: GuestTree = {
  '/etc/os-release':
    'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
  '/etc/debian_version': '13.1\n',
  '/etc/fstab': 'LABEL=root / ext4 defaults 0 1\n',
  '/etc/machine-id': '',
  '/boot/vmlinuz-6.12.48+deb13-amd64': '',
  '/usr/bin/dash': ELF,
};

/** An MBR with GRUB's name in its code, and one partition with these files. @returns its path */
export function biosDisk(bench: Workbench, name: string, tree: GuestTree): string {
  const disk = bench.file(name, 4 * MIB);
  runWithInput('label: dos\nstart=2048, type=83, bootable\n', 'sfdisk', '-q', disk);
  const file = openSync(disk, 'r+');
  writeSync(file, Buffer.from('\xeb\x63\x90GRUB \0Hard Disk\0', 'latin1'), 0, null, 0);
  closeSync(file);
  placeRoot(bench, disk, MIB, tree);
  return disk;
}

/** A GPT with an EFI system partition that has the fallback loader, and one partition with these files. @returns its path */
export function uefiDisk(bench: Workbench, name: string, tree: GuestTree): string {
  const disk = bench.file(name, 8 * MIB);
  run('sgdisk', '-o', '-n', '1:2048:+2M', '-t', '1:ef00', '-n', '2:8192:+2M', disk);
  const esp = bench.file(`${name}.esp`, 2 * MIB);
  run('mkfs.vfat', esp);
  run('mmd', '-i', esp, '::EFI', '::EFI/BOOT');
  writeFileSync(`${esp}.efi`, 'MZ');
  run('mcopy', '-i', esp, `${esp}.efi`, '::EFI/BOOT/BOOTX64.EFI');
  place(esp, disk, MIB);
  placeRoot(bench, disk, 4 * MIB, tree);
  for (const path of [esp, `${esp}.efi`]) rmSync(path);
  return disk;
}

function placeRoot(bench: Workbench, disk: string, startBytes: number, tree: GuestTree): void {
  const root = `${disk}.root`;
  writeFileSync(root, ext4Image(bench.folder, tree));
  place(root, disk, startBytes);
  rmSync(root);
}
