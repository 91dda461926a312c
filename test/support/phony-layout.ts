/** From the description of a phony guest to a raw image: its table, its volumes, what a firmware starts. */
import { closeSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { PhonyGuest, PhonyPartition, PhonyVolume } from './phony-guests.ts';
import { makeVolume } from './phony-volumes.ts';
import { MIB, run, runWithInput } from './workbench.ts';

const SECTOR = 512;
/** LVM2 keeps the first MiB of a member for itself; its extents are of 1 MiB here. */
const LVM_START_MIB = 1;

const GPT_TYPES: Record<PhonyPartition['role'], string> = {
  esp: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  linux: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
  lvm: 'E6D6D379-F507-44C2-A23C-238F2A3DF928',
  'bios-boot': '21686148-6449-6E6F-744E-656564454649',
  msr: 'E3C9E316-0B5C-4DB8-817D-F92DF00215AE',
  windows: 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7',
};
const MBR_TYPES: Partial<Record<PhonyPartition['role'], string>> = { linux: '83', lvm: '8e', windows: '7' };

/** The words in the first sector that these loaders have there. */
const BOOT_CODE: Record<NonNullable<PhonyGuest['bootCode']>, string> = {
  grub: '\xeb\x63\x90GRUB \0Geom\0Hard Disk\0Read\0 Error\r\n',
  windows: '\x33\xc0Invalid partition table\0Error loading operating system\0Missing operating system',
  syslinux: '\x33\xc0Missing operating system.\r\nOperating system load error.\r\nMultiple active partitions.\r\n',
};

const mibOf = ({ volume, group }: PhonyPartition): number =>
  volume?.mib ?? (group ? LVM_START_MIB + Object.values(group.volumes).reduce((sum, { mib }) => sum + mib, 1) : 1);

export function buildDisk(work: string, name: string, guest: PhonyGuest): string {
  const disk = join(work, `${name}.img`);
  const starts: number[] = [];
  let endMib = 1;
  for (const partition of guest.partitions) {
    starts.push(endMib * MIB);
    endMib += mibOf(partition);
  }
  writeFileSync(disk, '');
  truncateSync(disk, (endMib + 1) * MIB);
  runWithInput(table(guest, starts), 'sfdisk', '-q', disk);
  if (guest.bootCode) {
    const file = openSync(disk, 'r+');
    writeSync(file, Buffer.from(BOOT_CODE[guest.bootCode], 'latin1'), 0, null, 0);
    closeSync(file);
  }
  for (const [i, partition] of guest.partitions.entries()) {
    if (partition.volume) placeVolume(work, partition.volume, disk, starts[i]);
    if (partition.group) placeGroup(work, partition, disk, starts[i]);
  }
  return disk;
}

function table({ table, partitions }: PhonyGuest, starts: readonly number[]): string {
  const lines = partitions.map((partition, i) => {
    const { role, uuid, name } = partition;
    const place = `start=${starts[i] / SECTOR}, size=${(mibOf(partition) * MIB) / SECTOR}`;
    if (table === 'mbr') return `${place}, type=${MBR_TYPES[role]}${i === 0 ? ', bootable' : ''}`;
    return `${place}, type=${GPT_TYPES[role]}${uuid ? `, uuid=${uuid}` : ''}${name ? `, name="${name}"` : ''}`;
  });
  return [`label: ${table === 'mbr' ? 'dos' : 'gpt'}`, ...lines, ''].join('\n');
}

/** Copies a file to a place in another; what is zeros stays a hole. */
function place(from: string, to: string, startBytes: number): void {
  const blockBytes = 64 * 1024;
  run('dd', `if=${from}`, `of=${to}`, `bs=${blockBytes}`, `seek=${startBytes / blockBytes}`, 'conv=notrunc,sparse');
}

function placeVolume(work: string, volume: PhonyVolume, disk: string, startBytes: number): void {
  const image = makeVolume(work, volume);
  place(image, disk, startBytes);
  rmSync(image);
}

/** A member made by LVM2's own tools on a loop device; no volume is activated, what they hold is laid where they lie. */
function placeGroup(work: string, partition: PhonyPartition, disk: string, startBytes: number): void {
  const { name, volumes } = partition.group!;
  const member = `${disk}.member`;
  writeFileSync(member, '');
  truncateSync(member, mibOf(partition) * MIB);
  const device = run('losetup', '-f', '--show', member).trim();
  const config = [
    `devices { filter=["a|^${device}$|","r|.*|"] use_devicesfile=0 hints="none" }`,
    'activation { udev_sync=0 udev_rules=0 monitoring=0 } backup { backup=0 archive=0 }',
  ].join(' ');
  try {
    run('pvcreate', '--config', config, '-q', device);
    run('vgcreate', '--config', config, '-q', '-s', '1m', name, device);
    for (const [volume, { mib }] of Object.entries(volumes)) {
      const notActive = ['--driverloaded', 'n', '-an', '-Zn', '-y', '-q'];
      run('lvcreate', '--config', config, ...notActive, '-n', volume, '-l', String(mib), name);
    }
  } finally {
    run('losetup', '-d', device);
  }
  let atMib = LVM_START_MIB;
  for (const volume of Object.values(volumes)) {
    placeVolume(work, volume, member, atMib * MIB);
    atMib += volume.mib;
  }
  place(member, disk, startBytes);
  rmSync(member);
}
