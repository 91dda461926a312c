/** Which other processes write to a file or hold locks on it. */
import { readlinkSync, statSync } from 'node:fs';
import path from 'node:path';
import { deviceNumber } from './device-number.ts';
import { attribute, names, type KernelRoots } from './kernel-files.ts';

/** A file as the kernel knows it, whatever its path. */
export interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
}

/** open(2): the two lowest bits of the flags are 0 for reading only. */
const ACCESS_MODE = 3;

/** @returns null where there is no such file, or none that this user may see */
export function fileIdentity(anyPath: string): FileIdentity | null {
  try {
    const { dev, ino } = statSync(anyPath, { bigint: true });
    return { device: dev, inode: ino };
  } catch {
    return null;
  }
}

export const isSame = (a: FileIdentity | null, b: FileIdentity | null) =>
  a !== null && b !== null && a.device === b.device && a.inode === b.inode;

/** A descriptor of another process that leads to a path. */
interface OpenPath {
  readonly pid: string;
  readonly fd: string;
  readonly path: string;
}

/**
 * What other processes have open, as far as this user may see. Descriptors are looked at by their names in /proc, which asks no file system;
 * pipes, sockets and what else has no path are left out.
 */
export function openPaths(roots: KernelRoots): OpenPath[] {
  return names(roots.proc)
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .flatMap((pid) =>
      names(roots.proc, pid, 'fd').flatMap((fd) => {
        const leadsTo = linkOrNull(path.join(roots.proc, pid, 'fd', fd));
        return leadsTo?.startsWith('/') ? [{ pid, fd, path: leadsTo }] : [];
      }),
    );
}

/** @returns 'NAME (PID)' of each other process with the file open for writing, as far as this user may see */
export function writersOf(roots: KernelRoots, file: FileIdentity, open = openPaths(roots)): string[] {
  return namesOf(
    roots,
    open.filter(({ pid, fd }) => isOpenForWriting(roots, pid, fd, file)),
  );
}

/**
 * Devices that other processes have open for writing: a copy under way, a running virtual machine.
 * @returns 'NAME (PID)' of each
 */
export function deviceWriters(
  roots: KernelRoots,
  isDevice: (devicePath: string) => boolean,
  open: readonly OpenPath[],
): string[] {
  return namesOf(
    roots,
    open.filter(
      ({ pid, fd, path: leadsTo }) =>
        leadsTo.startsWith(`${roots.dev}/`) && isDevice(leadsTo) && (accessOf(roots, pid, fd) & ACCESS_MODE) !== 0,
    ),
  );
}

const namesOf = (roots: KernelRoots, open: readonly OpenPath[]) =>
  [...new Set(open.map(({ pid }) => pid))].map((pid) => processName(roots, pid));

function linkOrNull(link: string): string | null {
  try {
    return readlinkSync(link);
  } catch {
    return null;
  }
}

/** The flags of open(2) that a descriptor was opened with; 0 where they cannot be read. */
function accessOf(roots: KernelRoots, pid: string, fd: string): number {
  return parseInt(/^flags:\s*([0-7]+)$/m.exec(attribute(roots.proc, pid, 'fdinfo', fd))?.[1] ?? '0', 8);
}

/** Looks at the descriptor's own record first: following the descriptor asks its file system, which may not answer. */
function isOpenForWriting(roots: KernelRoots, pid: string, fd: string, file: FileIdentity): boolean {
  const info = attribute(roots.proc, pid, 'fdinfo', fd);
  const flags = parseInt(/^flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '0', 8);
  if ((flags & ACCESS_MODE) === 0) return false;
  // Since Linux 5.14.
  const inode = /^ino:\s*(\d+)$/m.exec(info)?.[1];
  if (inode !== undefined && BigInt(inode) !== file.inode) return false;
  return isSame(fileIdentity(path.join(roots.proc, pid, 'fd', fd)), file);
}

/** QEMU says what it does with an image by locks on single bytes; this one means that it writes (block/file-posix.c). */
const QEMU_WRITE_BYTE = 101;

export interface Locks {
  readonly writing: string[];
  readonly reading: string[];
}

/**
 * Locks of other processes, from /proc/locks (proc(5)), which every user may read.
 * @param isClaimed it is known who has the lock of flock(2), which names here whoever asked for it, and may have ended long ago
 * @returns 'NAME (PID)' of each, or 'OFDLCK' for a lock that belongs to an open file and names no process, as QEMU's
 */
export function locksOn(roots: KernelRoots, file: FileIdentity, isClaimed: boolean): Locks {
  const locks: Locks = { writing: [], reading: [] };
  const wanted = `${deviceNumber(file.device)}:${file.inode}`;
  for (const line of attribute(roots.proc, 'locks').split('\n')) {
    // "1: POSIX  ADVISORY  WRITE 1234 08:01:5678 0 EOF"; what waits for a lock has "->" behind the number.
    const [, kind, , mode, pid, where, start, end] = line.trim().split(/\s+/);
    if (end === undefined || Number(pid) === process.pid || lockPlace(where) !== wanted) continue;
    if (isClaimed && kind === 'FLOCK') continue;
    const isQemuWriter =
      kind === 'OFDLCK' && Number(start) <= QEMU_WRITE_BYTE && (end === 'EOF' || Number(end) >= QEMU_WRITE_BYTE);
    const holder = Number(pid) > 0 ? processName(roots, pid) : kind;
    (mode === 'WRITE' || isQemuWriter ? locks.writing : locks.reading).push(holder);
  }
  return locks;
}

/** Device numbers are hexadecimal there, inodes decimal. */
function lockPlace(where: string): string {
  const [major, minor, inode] = where.split(':');
  return `${parseInt(major, 16)}:${parseInt(minor, 16)}:${inode}`;
}

function processName(roots: KernelRoots, pid: string): string {
  return `${attribute(roots.proc, pid, 'comm') || '?'} (${pid})`;
}

/** @returns 'NAME (PID)' of each process that has a lock of flock(2) on a file, as far as this user may see. Source: proc(5), /proc/PID/fdinfo */
export function flockHolders(roots: KernelRoots, file: FileIdentity | null): string[] {
  const holds = (pid: string) =>
    names(roots.proc, pid, 'fd').some(
      (fd) =>
        /^lock:.* FLOCK /m.test(attribute(roots.proc, pid, 'fdinfo', fd)) &&
        isSame(fileIdentity(path.join(roots.proc, pid, 'fd', fd)), file),
    );
  return names(roots.proc).flatMap((pid) => (/^\d+$/.test(pid) && holds(pid) ? [processName(roots, pid)] : []));
}

/** @returns paths of the files that a process has open for writing, as far as this user may see */
export function filesWrittenBy(roots: KernelRoots, pid: string): string[] {
  return names(roots.proc, pid, 'fd').flatMap((fd) => {
    const leadsTo = linkOrNull(path.join(roots.proc, pid, 'fd', fd));
    if (!leadsTo?.startsWith('/') || leadsTo.startsWith(`${roots.dev}/`)) return [];
    return (accessOf(roots, pid, fd) & ACCESS_MODE) !== 0 ? [leadsTo] : [];
  });
}

/** @returns paths of what a process writes to as an image of a disk, as far as this user may see: QEMU locks bytes of those, and of nothing else */
export function imagesWrittenBy(roots: KernelRoots, pid: string): string[] {
  const isImage = (info: string) => /^lock:.* OFDLCK /m.test(info);
  return names(roots.proc, pid, 'fd').flatMap((fd) => {
    const leadsTo = linkOrNull(path.join(roots.proc, pid, 'fd', fd));
    const isWriting = (accessOf(roots, pid, fd) & ACCESS_MODE) !== 0;
    return leadsTo?.startsWith('/') && isWriting && isImage(attribute(roots.proc, pid, 'fdinfo', fd)) ? [leadsTo] : [];
  });
}
