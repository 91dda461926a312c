/**
 * Disks that hold a boot loader and nothing else: it prints a sign on the serial line and stops. They come up in seconds without
 * acceleration, so that each way in which a disk can start is tried. Installed by the loaders' own programs.
 */
import { spawn } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { MIB, run, runWithInput, type Workbench } from '../support/workbench.ts';

const GRUB = '/usr/lib/grub/i386-pc';
const SETUP = `${GRUB}/grub-bios-setup`;
export const SIGN = 'STARTED-BY-DISKPRESS-TEST';
/** SYSLINUX's, once all of it is loaded. */
export const PROMPT = 'boot: ';
const TIMEOUT_MS = 120_000;

const areMissing = (paths: readonly string[]) => paths.filter((path) => !existsSync(path));
/** By file, what is not there: Debian's packages are named in scripts/system-packages.mjs. */
export const missingEfiLoaders = areMissing(['/usr/lib/shim/shimx64.efi.signed', '/usr/share/OVMF/OVMF_CODE_4M.fd']);
export const missingLoaders = [
  ...areMissing([SETUP, '/usr/lib/EXTLINUX/mbr.bin', '/usr/bin/syslinux']),
  ...missingEfiLoaders,
];
if (missingLoaders.length > 0)
  console.warn(`SKIPPED: boot chains of small disks: ${missingLoaders.join(', ')} missing`);

const MENU = `serial --unit=0
terminal_output serial
echo ${SIGN}
halt
`;

export interface Part {
  readonly startBytes: number;
  readonly lengthBytes: number;
}

/** Makes a file system, fills it, and gives GRUB's folder to it. */
export function fillRoot(bench: Workbench, image: string, part: Part, make: (device: string) => void): void {
  const device = bench.attach(image, '-o', String(part.startBytes), '--sizelimit', String(part.lengthBytes));
  make(device);
  const point = bench.mount(device, 'rw');
  const modules = join(point, 'boot/grub/i386-pc');
  mkdirSync(modules, { recursive: true });
  cpSync(join(GRUB, 'normal.mod'), join(modules, 'normal.mod'));
  writeFileSync(join(point, 'boot/grub/grub.cfg'), MENU);
  bench.unmount(point);
  bench.detach(device);
}

export function makeSwap(bench: Workbench, image: string, { startBytes, lengthBytes }: Part): void {
  const device = bench.attach(image, '-o', String(startBytes), '--sizelimit', String(lengthBytes));
  run('mkswap', device);
  bench.detach(device);
}

/**
 * Has grub-bios-setup write boot code and core: into the gap or the BIOS boot partition of the disk.
 * @param root the partition with GRUB's folder @param name as GRUB calls it: `msdos5`
 */
export function installGrub(bench: Workbench, image: string, root: Part, name: string): void {
  const disk = bench.attach(image);
  const device = bench.attach(image, '-o', String(root.startBytes), '--sizelimit', String(root.lengthBytes));
  const point = bench.mount(device, 'rw');
  const modules = ['biosdisk', 'part_gpt', 'part_msdos', 'ext2', 'normal', 'echo', 'halt', 'serial', 'terminal'];
  run('grub-mkimage', '-O', 'i386-pc', '-p', `(,${name})/boot/grub`, '-o', bench.path('core.img'), ...modules);
  const folder = join(point, 'setup');
  mkdirSync(folder);
  cpSync(join(GRUB, 'boot.img'), join(folder, 'boot.img'));
  cpSync(bench.path('core.img'), join(folder, 'core.img'));
  writeFileSync(bench.path('device.map'), `(hd0) ${disk}\n(hd1) ${device}\n`);
  run(SETUP, '-d', folder, '-m', bench.path('device.map'), disk);
  bench.unmount(point);
  bench.detach(device);
  bench.detach(disk);
}

/** Debian's signed chain in a folder of its own, as where the firmware of one machine alone has an entry for it. */
export function fillEfiPartition(bench: Workbench, image: string, part: Part): void {
  const file = bench.file('esp.part', part.lengthBytes);
  // clusters of a page: it can come onto a disk with sectors of that size
  run('mkfs.vfat', '-F', '16', '-s', '8', file);
  writeFileSync(bench.path('grub.cfg'), MENU.replace('serial\necho', 'serial console\necho'));
  run('mmd', '-i', file, '::/EFI', '::/EFI/debian');
  const files = {
    'shimx64.efi': '/usr/lib/shim/shimx64.efi.signed',
    'mmx64.efi': '/usr/lib/shim/mmx64.efi.signed',
    'grubx64.efi': '/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed',
    'grub.cfg': bench.path('grub.cfg'),
  };
  for (const [name, path] of Object.entries(files)) run('mcopy', '-i', file, path, `::/EFI/debian/${name}`);
  run(
    'dd',
    'if=' + file,
    'of=' + image,
    'bs=1M',
    `seek=${part.startBytes / MIB}`,
    'conv=notrunc,sparse',
    'status=none',
  );
}

export const partition = (image: string, table: string) => void runWithInput(table, 'sfdisk', '-q', image);

export function partsOf(image: string): Part[] {
  const { partitiontable } = JSON.parse(run('sfdisk', '-J', image)) as {
    partitiontable: { sectorsize: number; partitions: { start: number; size: number; type: string }[] };
  };
  const { sectorsize, partitions } = partitiontable;
  return partitions.map(({ start, size }) => ({ startBytes: start * sectorsize, lengthBytes: size * sectorsize }));
}

const OVMF_CODE = '/usr/share/OVMF/OVMF_CODE_4M.fd';
/** A firmware that knows nothing of any disk. */
export const OVMF_VARIABLES = '/usr/share/OVMF/OVMF_VARS_4M.fd';

/**
 * Starts a disk and waits for the sign.
 * @param variables of the firmware, which it believes in where it may write to them: to a snapshot, as to the disk
 * @returns what was said on the serial line, up to it, or to the end of the time
 */
export async function started(
  image: string,
  firmware: 'bios' | 'uefi',
  sectorBytes = 512,
  variables = OVMF_VARIABLES,
): Promise<string> {
  const isKnown = variables === OVMF_VARIABLES;
  const flash = [
    `if=pflash,format=raw,unit=0,readonly=on,file=${OVMF_CODE}`,
    `if=pflash,format=raw,unit=1,readonly=${isKnown ? 'on' : 'off'},file=${variables}`,
  ];
  const machine = spawn(
    'qemu-system-x86_64',
    [
      ...['-machine', 'q35,accel=tcg', '-cpu', 'max', '-m', '256', '-nodefaults', '-vga', 'std', '-display', 'none'],
      ...['-serial', 'stdio', '-no-reboot', '-snapshot', '-drive', `file=${image},format=raw,if=none,id=disk`],
      ...['-device', `virtio-blk-pci,drive=disk,logical_block_size=${sectorBytes},physical_block_size=4096`],
      ...(firmware === 'uefi' ? ['-drive', flash[0], '-drive', flash[1]] : []),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const timer = setTimeout(() => machine.kill('SIGKILL'), TIMEOUT_MS);
  let said = '';
  machine.stdout.setEncoding('latin1');
  try {
    for await (const text of machine.stdout) {
      said += text;
      // what no loader can be started from leaves the firmware's shell
      if (said.includes(SIGN) || said.includes(PROMPT) || said.includes('grub rescue>') || said.includes('Shell>'))
        break;
    }
  } finally {
    clearTimeout(timer);
    machine.kill('SIGKILL');
  }
  return said;
}

const SECTOR_BYTES = 512;
const CORE_SECTOR_AT = 0x5c;
const DRIVE_CHECK_AT = 0x66;
const LOAD_SEGMENT = 0x820;

function writeAt(path: string, offsetBytes: number, bytes: Uint8Array): void {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, offsetBytes);
  closeSync(file);
}

/** Boot code of an MBR that starts the active partition: SYSLINUX's. */
export const installMbr = (image: string) =>
  writeAt(image, 0, readFileSync('/usr/lib/EXTLINUX/mbr.bin').subarray(0, 440));

/**
 * What `grub-bios-setup --force` does to a partition: its first sector leads to the blocks of a file. The file lies behind what is removed
 * afterwards, so that it has to move where the file system becomes shorter.
 */
export function installGrubByBlocks(bench: Workbench, image: string, root: Part, name: string): void {
  const device = bench.attach(image, '-o', String(root.startBytes), '--sizelimit', String(root.lengthBytes));
  const point = bench.mount(device, 'rw');
  const modules = ['biosdisk', 'part_gpt', 'part_msdos', 'ext2', 'normal', 'echo', 'halt', 'serial', 'terminal'];
  const file = join(point, 'boot/grub/i386-pc/core.img');
  // all room is taken but for the last of it, so that the file lies there
  const filled = `cd ${point}; mkdir full; i=0; for l in 1M 32K 4K 1K; do while fallocate -l $l full/$((i=i+1)) 2>/dev/null; do :; done; rm -f full/$i; done; sync -f .`;
  const last =
    'for f in $(find full -size +900k); do echo $(filefrag -b512 -v $f | grep -m1 " 0:" | tr -d . | cut -d: -f3) $f; done | sort -n | tail -n1';
  run('sh', '-c', `${filled}; rm $(${last} | cut -d" " -f3); sync -f .`);
  run('grub-mkimage', '-O', 'i386-pc', '-p', `(,${name})/boot/grub`, '-o', bench.path('core.img'), ...modules);
  const core = readFileSync(bench.path('core.img'));
  writeFileSync(file, core);
  run('sync', '-f', file);
  const runs = [...run('filefrag', '-b512', '-v', file).matchAll(/^ +\d+: +\d+\.\. +\d+: +(\d+)\.\. +\d+: +(\d+):/gm)];
  const sectors = runs.flatMap(([, start, count]) =>
    Array.from({ length: Number(count) }, (_, i) => Number(start) + i),
  );
  const first = root.startBytes / SECTOR_BYTES + sectors[0];
  // it lies in one piece of a file system that is new
  core.writeBigUInt64LE(BigInt(first + 1), SECTOR_BYTES - 12);
  core.writeUInt16LE(Math.ceil(core.length / SECTOR_BYTES) - 1, SECTOR_BYTES - 4);
  core.writeUInt16LE(LOAD_SEGMENT, SECTOR_BYTES - 2);
  writeFileSync(file, core, { flag: 'r+' });
  rmSync(join(point, 'full'), { recursive: true });
  bench.unmount(point);
  bench.detach(device);
  const boot = readFileSync(join(GRUB, 'boot.img'));
  boot.writeBigUInt64LE(BigInt(first), CORE_SECTOR_AT);
  boot.writeUInt16LE(0x9090, DRIVE_CHECK_AT);
  writeAt(image, root.startBytes, boot);
}

/** SYSLINUX in a FAT that counts in its disk, with a prompt on the serial line. */
export function installSyslinux(bench: Workbench, image: string, { startBytes, lengthBytes }: Part): void {
  const file = bench.file('syslinux.part', lengthBytes);
  run('mkfs.vfat', '-F', '16', '-h', String(startBytes / SECTOR_BYTES), file);
  writeFileSync(bench.path('syslinux.cfg'), 'SERIAL 0\nPROMPT 1\nTIMEOUT 0\n');
  run('mcopy', '-i', file, bench.path('syslinux.cfg'), '::/');
  run('syslinux', '-i', file);
  run('dd', `if=${file}`, `of=${image}`, 'bs=1M', `seek=${startBytes / MIB}`, 'conv=notrunc,sparse', 'status=none');
}
