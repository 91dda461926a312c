/** What a deploy left out of a disk, judged by foreign tools: it has to be free, by whoever has the place. */
import { closeSync, openSync, readFileSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { extract, type Part } from './disks.ts';
import { MIB, run, type Workbench } from './workbench.ts';

const SECTOR_BYTES = 512;
const PARTCLONE: Record<string, string> = {
  ext2: 'partclone.ext4',
  ext3: 'partclone.ext4',
  ext4: 'partclone.ext4',
  vfat: 'partclone.vfat',
  exfat: 'partclone.exfat',
  ntfs: 'partclone.ntfs',
  xfs: 'partclone.xfs',
};

/** As {@link leftOut}; nothing is left to belief. @returns how many bytes were left out */
export function expectOnlyFreeLeftOut(bench: Workbench, original: string, copy: string): number {
  const { leftBytes, unjudged } = leftOut(bench.folder, original, copy);
  if (unjudged.length > 0) throw new Error(`${original}: nobody judges ${unjudged.join(', ')}`);
  return leftBytes;
}

/**
 * Every sector of `original` that `copy` does not have lies in a place that a foreign tool takes for free, or is swap's content.
 * @param folder for scratch files
 * @returns how many bytes were left out, and the kinds of partitions with such sectors that no tool here judges
 * @throws Error for a sector that is not free
 */
export function leftOut(
  folder: string,
  original: string,
  copy: string,
  sectorBytes = SECTOR_BYTES,
): { leftBytes: number; unjudged: string[] } {
  const left = differences(original, copy);
  const leftBytes = left.length * SECTOR_BYTES;
  const unjudged: string[] = [];
  for (const part of left.length > 0 ? partsOf(original, statSync(copy).size, sectorBytes) : []) {
    const inside = left.filter(({ startBytes }) => startBytes >= part.startBytes && startBytes < endOf(part));
    if (inside.length === 0) continue;
    const free = freeIn(folder, original, copy, part);
    left.splice(0, left.length, ...left.filter((one) => !inside.includes(one)));
    if (typeof free === 'string') {
      unjudged.push(free);
      continue;
    }
    for (const { startBytes } of inside) {
      const at = startBytes - part.startBytes;
      if (!free.some((run) => at >= run.startBytes && at < endOf(run))) {
        throw new Error(`${original}: byte ${at} of the partition at ${part.startBytes} was left out, and is not free`);
      }
    }
  }
  if (left.length > 0)
    throw new Error(`${original}: byte ${left[0].startBytes} lies in no partition, and was left out`);
  return { leftBytes, unjudged };
}

const endOf = ({ startBytes, lengthBytes }: Part) => startBytes + lengthBytes;

/** Sectors that differ. */
function differences(original: string, copy: string): Part[] {
  const files = [original, copy].map((path) => openSync(path, 'r'));
  const pieces = files.map(() => Buffer.alloc(MIB));
  const found: Part[] = [];
  // of a device, the file system says no length
  const { size } = statSync(copy);
  for (let at = 0; at < size; at += MIB) {
    const [a, b] = files.map((fd, i) =>
      pieces[i].subarray(0, readSync(fd, pieces[i], 0, Math.min(MIB, size - at), at)),
    );
    if (a.equals(b)) continue;
    for (let s = 0; s < a.length; s += SECTOR_BYTES) {
      if (!a.subarray(s, s + SECTOR_BYTES).equals(b.subarray(s, s + SECTOR_BYTES))) {
        found.push({ startBytes: at + s, lengthBytes: SECTOR_BYTES });
      }
    }
  }
  files.forEach((fd) => closeSync(fd));
  return found;
}

/** Partitions as sfdisk reads them, but for those that hold others; the whole disk where it finds no table. */
function partsOf(disk: string, lengthBytes: number, sectorBytes: number): Part[] {
  const whole = [{ startBytes: 0, lengthBytes }];
  // sfdisk takes every file for one of 512-byte sectors
  const isLooped = sectorBytes !== SECTOR_BYTES && statSync(disk).isFile();
  const asked = isLooped ? run('losetup', '-r', '-f', '--show', '-b', String(sectorBytes), disk).trim() : disk;
  try {
    if (/^PTTYPE=/m.exec(attempted('blkid', '-p', '-o', 'export', asked)) === null) return whole;
    const { partitiontable } = JSON.parse(run('sfdisk', '--json', asked)) as {
      partitiontable: { partitions?: { start: number; size: number; type: string }[] };
    };
    return (partitiontable.partitions ?? [])
      .filter(({ type }) => !['5', 'f', '85'].includes(type))
      .map(({ start, size }) => ({ startBytes: start * sectorBytes, lengthBytes: size * sectorBytes }));
  } catch {
    return whole;
  } finally {
    if (isLooped) run('losetup', '-d', asked);
  }
}

/** @returns what it printed, also where it ends with a fault */
function attempted(tool: string, ...args: string[]): string {
  try {
    return run(tool, ...args);
  } catch (error) {
    return String((error as { stdout?: unknown }).stdout ?? '');
  }
}

/** What is free of a partition, or its kind, where nobody here knows. What lies behind a file system never is free. */
function freeIn(folder: string, disk: string, copy: string, part: Part): Part[] | string {
  const image = extract(disk, part, join(folder, 'left-out.part'));
  const domain = join(folder, 'left-out.domain');
  try {
    const type = /^TYPE=(.*)$/m.exec(attempted('blkid', '-p', '-o', 'export', image))?.[1] ?? '';
    if (type === 'swap') {
      const header = readFileSync(image).subarray(0, 4096);
      // in the order of bytes of the machine that wrote it
      const isBig = header.readUInt32LE(1024) !== 1;
      const pages = isBig ? header.readUInt32BE(1028) : header.readUInt32LE(1028);
      return [{ startBytes: 4096, lengthBytes: pages * 4096 }];
    }
    if (type === 'btrfs') {
      // partclone takes blocks of chunks for used that no tree refers to: the file system's own checker judges the copy
      run('btrfs', 'check', '--readonly', extract(copy, part, image));
      const said = run('btrfs', 'inspect-internal', 'dump-super', image);
      return [{ startBytes: 0, lengthBytes: Number(/^total_bytes\s+(\d+)/m.exec(said)![1]) }];
    }
    if (type.endsWith('_member')) return type;
    if (!(type in PARTCLONE)) return [];
    run(PARTCLONE[type], '-D', '-q', '-L', join(folder, 'left-out.log'), '-s', image, '-O', domain);
    const lines = [...readFileSync(domain, 'utf8').matchAll(/^(0x[\dA-F]+)\s+(0x[\dA-F]+)\s+(\S)$/gim)];
    return lines
      .filter(([, , , state]) => state !== '+')
      .map(([, start, length]) => ({ startBytes: Number(start), lengthBytes: Number(length) }));
  } finally {
    rmSync(image, { force: true });
    rmSync(domain, { force: true });
  }
}
