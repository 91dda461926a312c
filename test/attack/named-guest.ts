/** A guest on a disk that grows and gets a name and an identity of its own while it is deployed: its disk, and what is right afterwards. */
import { mkdirSync } from 'node:fs';
import { ELF, writeTree, type GuestTree } from '../support/guests.ts';
import { MIB, run, type Workbench } from '../support/workbench.ts';

const DISK_BYTES = 40 * MIB;
export const LARGER_BYTES = 72 * MIB;
const NAME = 'attacked';

const TREE: GuestTree = {
  '/etc/os-release': 'ID=debian\nVERSION_ID="12"\n',
  '/etc/debian_version': '12.7\n',
  '/etc/hostname': 'template\n',
  '/etc/hosts': '127.0.0.1\tlocalhost\n127.0.1.1\ttemplate\n',
  '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
  '/usr/lib/systemd/systemd': ELF,
};

/** What is asked for: a volume that grows, files that change, new identifiers. */
export const ASKED = ['--hostname', NAME, '--identity', 'fresh'];

/** @returns its path */
export function makeGuestDisk(bench: Workbench): string {
  const folder = bench.path('guest-tree');
  mkdirSync(folder);
  writeTree(folder, TREE);
  const disk = bench.file('guest.img', DISK_BYTES);
  run('sgdisk', '-o', '-n', `1:${MIB / 512}:+32M`, '-t', '1:8300', disk);
  run('mkfs.ext4', '-q', '-F', '-d', folder, '-E', `offset=${MIB}`, disk, '32M');
  return disk;
}

/** @returns what is wrong with a target that looks finished; '' if nothing is */
export function faultOf(target: string): string {
  const table = JSON.parse(run('sfdisk', '-J', target)) as {
    partitiontable: { partitions: { start: number; size: number }[] };
  };
  const [{ start, size }] = table.partitiontable.partitions;
  if (size * 512 <= DISK_BYTES) return 'the volume has its old length';
  const volume = `${target}?offset=${start * 512}`;
  try {
    run('e2fsck', '-fn', volume);
  } catch (error) {
    return `e2fsck: ${String(error)}`;
  }
  const name = run('debugfs', '-R', 'cat /etc/hostname', volume);
  return name === `${NAME}\n` ? '' : `the name is ${name}`;
}
