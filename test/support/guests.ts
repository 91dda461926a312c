/** Phony guests: just the files by which a system is told, in a file system made by others' tools. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { memorySource } from '../../src-engine/disk/memory-source.ts';
import { recogniseFileSystem } from '../../src-engine/filesystems/recognise.ts';
import type { GuestVolume } from '../../src-engine/guest/guest-input.ts';

/** Content by path; text that begins with '-> ' is a symbolic link. */
export type GuestTree = Record<string, string | Buffer>;

/** The head of a program for x86-64. */
export const ELF: Buffer = (() => {
  const head = Buffer.alloc(64);
  head.write('\x7fELF\x02\x01\x01', 'latin1');
  head.writeUInt16LE(62, 18);
  return head;
})();

export function writeTree(folder: string, tree: GuestTree): void {
  for (const [name, content] of Object.entries(tree)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if (typeof content === 'string' && content.startsWith('-> ')) symlinkSync(content.slice(3), path);
    else writeFileSync(path, content);
  }
}

let count = 0;

/** An ext4 volume with these files, made by mkfs.ext4. @param work a folder for what is needed on the way */
export async function ext4Guest(work: string, tree: GuestTree, ref = '1', uuid = ''): Promise<GuestVolume> {
  const bytes = ext4Image(work, tree, uuid);
  return openedVolume(bytes, ref);
}

export function ext4Image(work: string, tree: GuestTree, uuid = ''): Buffer {
  const folder = join(work, `tree-${count++}`);
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  writeTree(folder, tree);
  const image = `${folder}.img`;
  writeFileSync(image, '');
  truncateSync(image, 2 * 1024 * 1024);
  const args = ['-q', '-F', '-O', '^has_journal', ...(uuid ? ['-U', uuid] : []), '-d', folder, image];
  execFileSync('mkfs.ext4', args, { stdio: 'pipe' });
  const bytes = readFileSync(image);
  rmSync(image);
  rmSync(folder, { recursive: true });
  return bytes;
}

/** A FAT volume with these files, made by mkfs.vfat and mtools: an EFI system partition. */
export async function fatGuest(work: string, tree: GuestTree, ref = '1'): Promise<GuestVolume> {
  const folder = join(work, `tree-${count++}`);
  mkdirSync(folder);
  writeTree(folder, tree);
  const image = `${folder}.img`;
  writeFileSync(image, '');
  truncateSync(image, 4 * 1024 * 1024);
  execFileSync('mkfs.vfat', [image], { stdio: 'pipe' });
  const tops = [...new Set(Object.keys(tree).map((path) => path.split('/').filter(Boolean)[0]))];
  execFileSync('mcopy', ['-s', '-i', image, ...tops.map((name) => join(folder, name)), '::'], { stdio: 'pipe' });
  return openedVolume(readFileSync(image), ref);
}

export async function openedVolume(bytes: Buffer, ref: string): Promise<GuestVolume> {
  const fileSystem = (await recogniseFileSystem(memorySource(bytes)))!;
  const { kind, label, uuid } = fileSystem;
  return { ref, label, uuid, kind, tree: await fileSystem.browse!(), recognised: null };
}

/** A registry hive with these values by key, made by hivexsh: text is REG_SZ, a number REG_DWORD. */
export function hive(work: string, keys: Record<string, Record<string, string | number>>): Buffer {
  const path = join(work, `hive-${count++}`);
  writeFileSync(path, emptyHive());
  const made = new Set<string>();
  const lines: string[] = [];
  for (const [key, values] of Object.entries(keys)) {
    const names = key.split('\\');
    for (let depth = 1; depth <= names.length; depth++) {
      const prefix = names.slice(0, depth).join('\\');
      if (made.has(prefix)) continue;
      made.add(prefix);
      lines.push(`cd \\${names.slice(0, depth - 1).join('\\')}`, `add ${names[depth - 1]}`);
    }
    const entries = Object.entries(values);
    lines.push(`cd \\${key}`, `setval ${entries.length}`);
    for (const [name, value] of entries) {
      lines.push(name, typeof value === 'number' ? `dword:0x${value.toString(16)}` : `string:${value}`);
    }
  }
  lines.push('commit', 'quit', '');
  execFileSync('hivexsh', ['-w', path], { input: lines.join('\n'), stdio: 'pipe' });
  return readFileSync(path);
}

/** An empty hive: the base block with its checksum, and one bin with the root key and what secures it. */
function emptyHive(): Buffer {
  const bytes = Buffer.alloc(8192);
  bytes.write('regf', 0);
  bytes.writeUInt32LE(1, 4);
  bytes.writeUInt32LE(1, 8);
  bytes.writeUInt32LE(1, 20);
  bytes.writeUInt32LE(3, 24);
  bytes.writeUInt32LE(1, 32);
  bytes.writeUInt32LE(0x20, 36);
  bytes.writeUInt32LE(4096, 40);
  bytes.writeUInt32LE(1, 44);
  let sum = 0;
  for (let at = 0; at < 508; at += 4) sum ^= bytes.readInt32LE(at);
  bytes.writeInt32LE(sum, 508);
  const bin = bytes.subarray(4096);
  bin.write('hbin', 0);
  bin.writeUInt32LE(4096, 8);
  bin.writeInt32LE(-0x58, 0x20);
  const key = bin.subarray(0x24);
  key.write('nk', 0);
  key.writeUInt16LE(0x2c, 2);
  key.writeUInt32LE(0x78, 44);
  for (const at of [16, 28, 32, 40, 48]) key.writeUInt32LE(0xffffffff, at);
  key.writeUInt32LE(0, 36);
  key.writeUInt16LE(4, 72);
  key.write('ROOT', 76);
  bin.writeInt32LE(-0x20, 0x78);
  bin.write('sk', 0x7c);
  bin.writeUInt32LE(0x78, 0x80);
  bin.writeUInt32LE(0x78, 0x84);
  bin.writeUInt32LE(1, 0x88);
  bin.writeUInt32LE(8, 0x8c);
  bin.writeInt32LE(4096 - 0x98, 0x98);
  return bytes;
}
