/** What a deploy left out of a disk, judged by foreign tools: it has to be free, by whoever has the place. */
import { closeSync, openSync, readFileSync, readSync, rmSync, statSync } from 'node:fs';
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

/**
 * Every sector of `original` that `copy` does not have lies in a place that partclone takes for free, or is swap's content.
 * @returns how many bytes were left out
 */
export function expectOnlyFreeLeftOut(bench: Workbench, original: string, copy: string): number {
  const left = differences(original, copy);
  for (const part of partsOf(original)) {
    const inside = left.filter(({ startBytes }) => startBytes >= part.startBytes && startBytes < endOf(part));
    if (inside.length === 0) continue;
    const free = freeIn(bench, original, copy, part);
    for (const { startBytes } of inside) {
      const at = startBytes - part.startBytes;
      if (!free.some((run) => at >= run.startBytes && at < endOf(run))) {
        throw new Error(`${original}: byte ${at} of the partition at ${part.startBytes} was left out, and is not free`);
      }
    }
    left.splice(0, left.length, ...left.filter((one) => !inside.includes(one)));
  }
  if (left.length > 0)
    throw new Error(`${original}: byte ${left[0].startBytes} lies in no partition, and was left out`);
  return differences(original, copy).length * SECTOR_BYTES;
}

const endOf = ({ startBytes, lengthBytes }: Part) => startBytes + lengthBytes;

/** Sectors that differ. */
function differences(original: string, copy: string): Part[] {
  const files = [original, copy].map((path) => openSync(path, 'r'));
  const pieces = files.map(() => Buffer.alloc(MIB));
  const found: Part[] = [];
  const { size } = statSync(original);
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
function partsOf(disk: string): Part[] {
  try {
    const { partitiontable } = JSON.parse(run('sfdisk', '--json', disk)) as {
      partitiontable: { partitions?: { start: number; size: number; type: string }[] };
    };
    return (partitiontable.partitions ?? [])
      .filter(({ type }) => !['5', 'f', '85'].includes(type))
      .map(({ start, size }) => ({ startBytes: start * SECTOR_BYTES, lengthBytes: size * SECTOR_BYTES }));
  } catch {
    return [{ startBytes: 0, lengthBytes: statSync(disk).size }];
  }
}

/** What is free of a partition. Nothing where nobody knows what it holds; what lies behind a file system never is. */
function freeIn(bench: Workbench, disk: string, copy: string, part: Part): Part[] {
  const image = extract(disk, part, bench.path('left-out.part'));
  const domain = bench.path('left-out.domain');
  try {
    const found = run('blkid', '-p', '-o', 'export', image);
    const type = /^TYPE=(.*)$/m.exec(found)?.[1] ?? '';
    if (type === 'swap') {
      const pages = readFileSync(image).readUInt32LE(1028);
      return [{ startBytes: 4096, lengthBytes: pages * 4096 }];
    }
    if (type === 'btrfs') {
      // partclone takes blocks of chunks for used that no tree refers to: the file system's own checker judges the copy
      run('btrfs', 'check', '--readonly', extract(copy, part, image));
      const said = run('btrfs', 'inspect-internal', 'dump-super', image);
      return [{ startBytes: 0, lengthBytes: Number(/^total_bytes\s+(\d+)/m.exec(said)![1]) }];
    }
    if (!(type in PARTCLONE)) return [];
    run(PARTCLONE[type], '-D', '-q', '-L', bench.path('left-out.log'), '-s', image, '-O', domain);
    const lines = [...readFileSync(domain, 'utf8').matchAll(/^(0x[\dA-F]+)\s+(0x[\dA-F]+)\s+(\S)$/gim)];
    return lines
      .filter(([, , , state]) => state !== '+')
      .map(([, start, length]) => ({ startBytes: Number(start), lengthBytes: Number(length) }));
  } finally {
    rmSync(image, { force: true });
    rmSync(domain, { force: true });
  }
}
