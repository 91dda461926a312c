/**
 * A real Debian on a disk of its own, made of Debian's packages: GPT, GRUB for BIOS in a partition, GRUB for UEFI in the EFI partition, ext4.
 * On its serial console root logs in with the password {@link PASSWORD}.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MIB, run } from '../support/workbench.ts';
import { installGrubForBios } from './grub-for-bios.ts';

const exec = promisify(execFile);

export const PASSWORD = 'diskpress';
export const HOST_NAME = 'golden';

const SUITE = 'bookworm';
const ROOT_UUID = '5a3d1e00-0000-4000-8000-0000000000b0';
const PACKAGES = [
  'e2fsprogs',
  'grub-efi-amd64-bin',
  'grub-pc-bin',
  'grub2-common',
  'ifupdown',
  'iproute2',
  'isc-dhcp-client',
  'linux-image-amd64',
  'openssh-server',
  'systemd-sysv',
  'udev',
];
const GRUB_MODULES = [
  ...['boot', 'configfile', 'echo', 'ext2', 'gzio', 'linux', 'normal'],
  ...['part_gpt', 'part_msdos', 'search', 'search_fs_uuid', 'serial', 'terminal', 'test'],
];

const SECTOR_BYTES = 512;
const BOOT = { startSector: 2048, sectors: 2048 };
export const ESP = { startBytes: 4096 * SECTOR_BYTES, lengthBytes: 64 * MIB };
const ROOT_SECTOR = 4096 + ESP.lengthBytes / SECTOR_BYTES;

/** Where the root file system lies on a disk of that length: whole blocks, before the second table. */
export function rootOf(diskBytes: number): { startBytes: number; lengthBytes: number } {
  const startBytes = ROOT_SECTOR * SECTOR_BYTES;
  const space = diskBytes - 34 * SECTOR_BYTES - startBytes;
  return { startBytes, lengthBytes: space - (space % 4096) };
}

/** What the installed system is changed by, before it becomes a file system: run in its root. */
const SETUP = `set -e
echo ${HOST_NAME} > /etc/hostname
echo 'UUID=${ROOT_UUID} / ext4 errors=remount-ro 0 1' > /etc/fstab
echo 'root:${PASSWORD}' | chpasswd
for line in 'auto lo eth0' 'iface lo inet loopback' 'iface eth0 inet dhcp'; do echo "$line"; done > /etc/network/interfaces
mkdir -p /boot/grub /boot/made
cat > /boot/grub/grub.cfg <<END
serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
search --no-floppy --fs-uuid --set=root ${ROOT_UUID}
menuentry Debian {
  linux $(ls /boot/vmlinuz-*) root=UUID=${ROOT_UUID} ro console=ttyS0 net.ifnames=0
  initrd $(ls /boot/initrd.img-*)
}
END
cat > /boot/made/first.cfg <<END
search --no-floppy --fs-uuid --set=root ${ROOT_UUID}
set prefix=(\\$root)/boot/grub
configfile \\$prefix/grub.cfg
END
image() { grub-mkimage -O "$1" -c /boot/made/first.cfg -p /boot/grub -o "/boot/made/$2" "$3" ${GRUB_MODULES.join(' ')}; }
image x86_64-efi bootx64.efi fat
image i386-pc core.img biosdisk
cp /usr/lib/grub/i386-pc/boot.img /boot/made/
`;

/** The folder that keeps finished disks from run to run: another recipe is another disk. */
const cache = join(homedir(), '.cache', 'diskpress-boot');

/** @returns the path of the disk, which nobody changes; made where it is not there: root, Debian's mirror and some minutes are needed */
export async function debianDisk(lengthBytes: number): Promise<string> {
  const recipe = createHash('sha256').update(JSON.stringify([SUITE, PACKAGES, SETUP, lengthBytes, 1]));
  const disk = join(cache, `debian-${recipe.digest('hex').slice(0, 12)}.img`);
  if (existsSync(disk)) return disk;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), 'diskpress-debian-'));
  try {
    await makeDisk(`${disk}.part`, lengthBytes, work);
    renameSync(`${disk}.part`, disk);
    return disk;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function makeDisk(disk: string, lengthBytes: number, work: string): Promise<void> {
  const [system, setup] = [join(work, 'system'), join(work, 'setup.sh')];
  writeFileSync(setup, SETUP);
  await exec('mmdebstrap', [
    '--quiet',
    '--variant=minbase',
    `--include=${PACKAGES.join(',')}`,
    `--customize-hook=chroot "$1" sh -s < '${setup}'`,
    SUITE,
    system,
  ]);
  const made = join(system, 'boot', 'made');
  const loaders = join(work, 'loaders');
  cpSync(made, loaders, { recursive: true });
  rmSync(made, { recursive: true });

  const root = rootOf(lengthBytes);
  const fileSystem = join(work, 'root.ext4');
  await exec('mke2fs', [
    ...['-q', '-t', 'ext4', '-L', 'root', '-U', ROOT_UUID, '-d', system, fileSystem],
    `${root.lengthBytes / 1024}k`,
  ]);
  rmSync(disk, { force: true });
  writeFileSync(disk, '');
  truncateSync(disk, lengthBytes);
  run(
    'sgdisk',
    ...[`-n1:${BOOT.startSector}:+${BOOT.sectors}`, '-t1:ef02', '-n2:4096:+64M', '-t2:ef00'],
    ...[`-n3:${ROOT_SECTOR}:0`, '-t3:8300', '-c3:root', disk],
  );
  const block = 4096;
  const seek = `seek=${root.startBytes / block}`;
  await exec('dd', [`if=${fileSystem}`, `of=${disk}`, `bs=${block}`, seek, 'conv=notrunc,sparse', 'status=none']);

  const esp = `${disk}@@${ESP.startBytes}`;
  run('mkfs.vfat', '-F16', '-n', 'ESP', '--offset', '4096', disk, String(ESP.lengthBytes / 1024));
  run('mmd', '-i', esp, '::/EFI', '::/EFI/BOOT');
  run('mcopy', '-i', esp, join(loaders, 'bootx64.efi'), '::/EFI/BOOT/BOOTX64.EFI');
  installGrubForBios(
    disk,
    readFileSync(join(loaders, 'boot.img')),
    readFileSync(join(loaders, 'core.img')),
    BOOT.startSector,
  );
}
