/** NTFS volumes for tests: made and filled by ntfs-3g, and edited where it cannot make what Windows makes. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

/** Formats a new sparse file. @returns its path */
export function makeNtfs(path: string, lengthBytes: number, args: string[] = []): string {
  writeFileSync(path, '');
  truncateSync(path, lengthBytes);
  execFileSync('mkfs.ntfs', ['-F', '-Q', '-q', ...args, path], { stdio: 'pipe', env: { ...process.env, PATH } });
  return path;
}

/**
 * Mounts an image with ntfs-3g while `work` lasts. When this returns, everything is on the disk.
 * @throws Error with the words of ntfs-3g where it does not mount
 */
export async function withNtfs3g<T>(
  image: string,
  options: string,
  work: (root: string) => T | Promise<T>,
): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'diskpress-ntfs-'));
  // a file: who waits for the driver does not empty a pipe
  const log = `${root}.log`;
  const words = openSync(log, 'w');
  // in the foreground: its end tells that all is written
  const driver = spawn('ntfs-3g', [image, root, '-o', ['no_detach', options].filter(Boolean).join(',')], {
    stdio: ['ignore', 'ignore', words],
    env: { ...process.env, PATH, LC_ALL: 'C.UTF-8' },
  });
  const ended = once(driver, 'exit');
  try {
    while (!readFileSync('/proc/mounts', 'utf8').includes(root)) {
      if (driver.exitCode !== null || driver.signalCode !== null) throw new Error(readFileSync(log, 'utf8'));
      await setTimeout(5);
    }
    try {
      return await work(root);
    } finally {
      // lazily: files that a failed test left open must not keep the driver for ever
      execFileSync('umount', ['--lazy', root], { stdio: 'pipe' });
    }
  } finally {
    await ended;
    closeSync(words);
    rmSync(log);
    rmdirSync(root);
  }
}

/** Sets an extended attribute: the way ntfs-3g lets others at what only NTFS has. */
export function setAttribute(path: string | Buffer, name: string, value: Buffer): void {
  const script =
    'import os,sys; os.setxattr(os.fsencode(sys.argv[1]), sys.argv[2], bytes.fromhex(sys.argv[3]), follow_symlinks=False)';
  execFileSync('python3', ['-c', script, String(path), name, value.toString('hex')], { stdio: 'pipe' });
}

/** The data of a reparse point, as `system.ntfs_reparse_data` takes it. */
export function reparsePoint(tag: number, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(tag, 0);
  head.writeUInt16LE(data.length, 4);
  return Buffer.concat([head, data]);
}

/** Data of a symbolic link of Windows (with `flags`), or of a junction (without). */
export function linkData(substituteName: string, printName: string, flags?: number): Buffer {
  const [substitute, print] = [substituteName, printName].map((name) => Buffer.from(name, 'utf16le'));
  const isSymlink = flags !== undefined;
  const head = Buffer.alloc(isSymlink ? 12 : 8);
  // junctions have zeros behind their names
  const gap = isSymlink ? 0 : 2;
  head.writeUInt16LE(0, 0);
  head.writeUInt16LE(substitute.length, 2);
  head.writeUInt16LE(substitute.length + gap, 4);
  head.writeUInt16LE(print.length, 6);
  if (isSymlink) head.writeUInt32LE(flags, 8);
  return Buffer.concat([head, substitute, Buffer.alloc(gap), print, Buffer.alloc(gap)]);
}

/** Where the MFT of a volume begins, and how large its records are. */
export function mftOf(boot: Buffer): {
  startBytes: number;
  mirrorBytes: number;
  recordBytes: number;
  clusterBytes: number;
} {
  const sectors = boot[13] > 0x80 ? 2 ** (256 - boot[13]) : boot[13];
  const clusterBytes = boot.readUInt16LE(11) * sectors;
  const perRecord = boot.readInt8(0x40);
  return {
    startBytes: Number(boot.readBigUInt64LE(0x30)) * clusterBytes,
    mirrorBytes: Number(boot.readBigUInt64LE(0x38)) * clusterBytes,
    recordBytes: perRecord > 0 ? perRecord * clusterBytes : 2 ** -perRecord,
    clusterBytes,
  };
}

const STRIDE = 512;

/** Puts the ends of the sectors of a record or index block back. Does not ask whether they fit. */
export function withoutFixups(record: Buffer): void {
  const at = record.readUInt16LE(4);
  for (let end = STRIDE, i = 1; end <= record.length && at + 2 * i + 2 <= record.length; end += STRIDE, i++) {
    record.copyWithin(end - 2, at + 2 * i, at + 2 * i + 2);
  }
}

/** Protects a record or index block again, so that what was changed in it reaches those who check. */
export function withFixups(record: Buffer): void {
  const at = record.readUInt16LE(4);
  for (let end = STRIDE, i = 1; end <= record.length && at + 2 * i + 2 <= record.length; end += STRIDE, i++) {
    record.copyWithin(at + 2 * i, end - 2, end);
    record.copyWithin(end - 2, at, at + 2);
  }
}

/** Changes a record of an MFT that lies in one piece so far; `record` is without fixups while it is changed. */
export function editRecord(bytes: Buffer, number: number, edit: (record: Buffer) => void): void {
  const { startBytes, recordBytes } = mftOf(bytes);
  const record = bytes.subarray(startBytes + number * recordBytes, startBytes + (number + 1) * recordBytes);
  withoutFixups(record);
  edit(record);
  withFixups(record);
}

/** The same in a file. */
export function editRecordOfImage(path: string, number: number, edit: (record: Buffer) => void): void {
  const file = openSync(path, 'r+');
  const boot = Buffer.alloc(512);
  readSync(file, boot, 0, 512, 0);
  const { startBytes, recordBytes, mirrorBytes } = mftOf(boot);
  const record = Buffer.alloc(recordBytes);
  readSync(file, record, 0, recordBytes, startBytes + number * recordBytes);
  withoutFixups(record);
  edit(record);
  withFixups(record);
  writeSync(file, record, 0, recordBytes, startBytes + number * recordBytes);
  // the first four stand in $MFTMirr too
  if (number < 4) writeSync(file, record, 0, recordBytes, mirrorBytes + number * recordBytes);
  closeSync(file);
}

/** An attribute of a record without fixups: from its type to its end. */
export function attributeOf(record: Buffer, type: number): Buffer {
  for (let at = record.readUInt16LE(20); record.readUInt32LE(at) !== 0xffffffff;) {
    const length = record.readUInt32LE(at + 4);
    if (record.readUInt32LE(at) === type) return record.subarray(at, at + length);
    at += length;
  }
  throw new Error(`no attribute ${type.toString(16)}`);
}
