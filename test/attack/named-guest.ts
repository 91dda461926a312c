/** A guest on a disk that gets another length, a name and an identity of its own while it is deployed: its disk, and what is right afterwards. */
import { mkdirSync } from 'node:fs';
import { ELF, writeTree, type GuestTree } from '../support/guests.ts';
import { MIB, run, type Workbench } from '../support/workbench.ts';

const VOLUME_MIB = 64;
const DISK_BYTES = (VOLUME_MIB + 8) * MIB;
const NAME = 'attacked';
const MACHINE_ID = '0123456789abcdef0123456789abcdef';
const UUID = '6f1d2c3b-9a4e-4a55-8f01-7c0d3e5b9a10';

/** Targets: the volume has more room there, or less. */
export const TARGETS = { grows: 104 * MIB, shrinks: 56 * MIB } as const;
export type Length = keyof typeof TARGETS;

const TREE: GuestTree = {
  '/etc/os-release': 'ID=debian\nVERSION_ID="12"\n',
  '/etc/debian_version': '12.7\n',
  '/etc/hostname': 'template\n',
  '/etc/hosts': '127.0.0.1\tlocalhost\n127.0.1.1\ttemplate\n',
  '/etc/fstab': `UUID=${UUID} / ext4 defaults 0 1\n`,
  '/etc/machine-id': `${MACHINE_ID}\n`,
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
  '/usr/lib/systemd/systemd': ELF,
  // there is something to write, in each stage
  '/usr/lib/large': Buffer.alloc(16 * MIB, 'content of the template '),
};

/** What is asked for: a volume that gets another length, files that change, new identifiers. */
export const ASKED = ['--hostname', NAME, '--identity', 'fresh'];

/** @returns its path */
export function makeGuestDisk(bench: Workbench): string {
  const folder = bench.path('guest-tree');
  mkdirSync(folder);
  writeTree(folder, TREE);
  const disk = bench.file('guest.img', DISK_BYTES);
  run('sgdisk', '-o', '-n', `1:${MIB / 512}:+${VOLUME_MIB}M`, '-t', '1:8300', disk);
  run('mkfs.ext4', '-q', '-F', '-U', UUID, '-d', folder, '-E', `offset=${MIB}`, disk, `${VOLUME_MIB}M`);
  return disk;
}

/** @returns what is wrong with a target that looks finished; '' if nothing is */
export function faultOf(target: string, length: Length): string {
  try {
    return faultIn(target, length);
  } catch (error) {
    // a judge that finds no table, no file system, or faults in it
    return String(error);
  }
}

function faultIn(target: string, length: Length): string {
  const table = JSON.parse(run('sfdisk', '-J', target)) as {
    partitiontable: { partitions: { start: number; size: number }[] };
  };
  const [{ start, size }] = table.partitiontable.partitions;
  const isLonger = size * 512 > VOLUME_MIB * MIB;
  if (isLonger !== (length === 'grows')) return `the volume has ${size} sectors`;
  const volume = `${target}?offset=${start * 512}`;
  run('e2fsck', '-fn', volume);
  const fileOf = (path: string) => run('debugfs', '-R', `cat ${path}`, volume);
  const uuid = /^Filesystem UUID:\s+(\S+)$/m.exec(run('dumpe2fs', '-h', volume))?.[1];
  if (uuid === UUID) return 'the file system has the UUID of the template';
  if (!fileOf('/etc/fstab').includes(`UUID=${uuid}`)) return 'fstab names another file system';
  if (fileOf('/etc/hostname') !== `${NAME}\n`) return `the name is ${fileOf('/etc/hostname')}`;
  if (fileOf('/etc/machine-id').includes(MACHINE_ID)) return 'the machine has the identity of the template';
  return fileOf('/usr/lib/large') === TREE['/usr/lib/large'].toString() ? '' : 'a file has other bytes';
}
