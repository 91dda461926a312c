/** Disk images made by the tools that everybody makes them with. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

export const run = (command: string, ...parameters: string[]) =>
  execFileSync(command, parameters, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });

const MIB = 2 ** 20;

/** A folder with something in it: text, a little binary data, a name that is not ASCII. */
export function makeFiles(folder: string): string {
  mkdirSync(join(folder, 'docs'), { recursive: true });
  writeFileSync(join(folder, 'docs', 'été.txt'), 'What was captured is what is deployed.\n'.repeat(2_000));
  writeFileSync(join(folder, 'numbers.bin'), Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251)));
  return folder;
}

/** One ext4 file system without a partition table, by `mke2fs -d`. */
export function makeExt4(path: string, files: string): string {
  run('mke2fs', '-q', '-t', 'ext4', '-L', 'payload', '-d', files, path, '64M');
  return path;
}

export const GPT = { espStart: MIB, rootStart: 34 * MIB, rootBytes: 160 * MIB };

/** A GPT disk by sgdisk: an EFI system partition (mkfs.vfat), a root file system (mke2fs), swap (mkswap), and free space. */
export function makeGptDisk(path: string, files: string, extra = 'first'): string {
  run('truncate', '-s', '256M', path);
  run('sgdisk', '-n1:2048:+32M', '-t1:ef00', '-n2:69632:+160M', '-t2:8300', '-c2:root', '-n3:0:+16M', '-t3:8200', path);
  run('mkfs.vfat', '-F', '16', '-n', 'EFI', '--offset', String(GPT.espStart / 512), path, String(32 * 1024));
  writeFileSync(join(files, 'version.txt'), extra);
  run('mke2fs', '-q', '-t', 'ext4', '-L', 'lab-root', '-E', `offset=${GPT.rootStart}`, '-d', files, path, '160M');
  const swap = `${path}.swap`;
  run('truncate', '-s', '16M', swap);
  run('mkswap', swap);
  run('dd', `if=${swap}`, `of=${path}`, 'bs=1M', 'seek=194', 'conv=notrunc', 'status=none');
  run('rm', swap);
  return path;
}

/** Nothing that any program knows, and slow to compress hard: for a job that lasts until it is cancelled. */
export async function makeSlowImage(path: string, lengthBytes = 600 * MIB): Promise<string> {
  const file = await open(path, 'w');
  let state = 1;
  const block = Buffer.alloc(MIB);
  for (let at = 0; at < lengthBytes; at += MIB) {
    for (let i = 0; i < MIB; i += 2) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
      block.writeUInt16LE(((state >>> 16) & 0x3f3f) | 0x2020, i);
    }
    await file.write(block);
  }
  await file.close();
  return path;
}
