/** The volumes of phony guests: each file system made by its own tool and filled with a tree. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { writeTree, type GuestTree } from './guests.ts';
import type { PhonyVolume } from './phony-guests.ts';
import { MIB, run } from './workbench.ts';
import { unmount } from './unmount.ts';

/** @returns the path of a sparse image */
export function makeVolume(work: string, volume: PhonyVolume): string {
  const folder = mkdtempSync(join(work, 'volume-'));
  chmodSync(folder, 0o755);
  const image = `${folder}.img`;
  writeFileSync(image, '');
  truncateSync(image, volume.mib * MIB);
  try {
    MAKERS[volume.fileSystem](image, folder, volume);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return image;
}

type Maker = (image: string, folder: string, volume: PhonyVolume) => void;

const ext: Maker = (image, folder, { fileSystem, files, uuid, label, options = [] }) => {
  writeTree(folder, files);
  const ids = [...(uuid ? ['-U', uuid] : []), ...(label ? ['-L', label] : [])];
  run(`mkfs.${fileSystem}`, '-q', '-F', ...ids, ...options, '-d', folder, image);
};

const MAKERS: Record<PhonyVolume['fileSystem'], Maker> = {
  ext3: ext,
  ext4: ext,
  xfs(image, folder, { files, uuid, label, options = [] }) {
    writeTree(folder, files);
    const prototype = `${folder}.prototype`;
    writeFileSync(prototype, `/\n0 0\n${xfsPrototype(folder, 'd--755 0 0')}\n`);
    // --unsupported: smaller than 300 MB
    const ids = [...(uuid ? ['-m', `uuid=${uuid}`] : []), ...(label ? ['-L', label] : [])];
    run('mkfs.xfs', '--unsupported', '-q', ...ids, ...options, '-p', prototype, image);
    rmSync(prototype);
  },
  btrfs(image, folder, { files, uuid, label, subvolumes = [], defaultSubvolume }) {
    run('mkfs.btrfs', '-q', ...(uuid ? ['-U', uuid] : []), ...(label ? ['-L', label] : []), image);
    run('mount', '-o', 'loop', image, folder);
    try {
      for (const name of subvolumes) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        run('btrfs', 'subvolume', 'create', join(folder, name));
      }
      writeTree(folder, files);
      if (defaultSubvolume) run('btrfs', 'subvolume', 'set-default', join(folder, defaultSubvolume));
    } finally {
      unmount(folder);
    }
  },
  fat(image, folder, { files, uuid, label }) {
    writeTree(folder, files);
    const ids = [...(uuid ? ['-i', uuid.replace('-', '')] : []), ...(label ? ['-n', label] : [])];
    run('mkfs.vfat', '-F', '16', '-s', '1', ...ids, image);
    run('mcopy', '-s', '-i', image, ...readdirSync(folder).map((name) => join(folder, name)), '::');
  },
  ntfs(image, folder, { files, label }) {
    run('mkfs.ntfs', '-F', '-Q', '-q', ...(label ? ['-L', label] : []), image);
    execFileSync('ntfs-3g', [image, folder], { stdio: 'pipe' });
    try {
      writeTree(folder, files);
    } finally {
      unmount(folder);
    }
  },
  swap(image, _, { uuid }) {
    run('mkswap', '-q', ...(uuid ? ['-U', uuid] : []), image);
  },
};

/** A folder in the words of mkfs.xfs -p. */
function xfsPrototype(folder: string, head: string): string {
  const entries = readdirSync(folder).map((name) => {
    const path = join(folder, name);
    const stat = lstatSync(path);
    if (stat.isSymbolicLink()) return `${name} l--777 0 0 ${readlinkSync(path)}`;
    return stat.isDirectory() ? `${name} ${xfsPrototype(path, 'd--755 0 0')}` : `${name} ---644 0 0 ${path}`;
  });
  return [head, ...entries, '$'].join('\n');
}

/** Puts a tree into a subvolume, or below any other folder. */
export function below(folder: string, tree: GuestTree): GuestTree {
  return Object.fromEntries(Object.entries(tree).map(([path, content]) => [`/${folder}${path}`, content]));
}
