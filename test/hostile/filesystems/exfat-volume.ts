/** A small exFAT volume with folders and files in it, written by the specification into what mkfs.exfat makes. */
import { bootChecksum } from '../../../src-engine/filesystems/exfat/boot-region.ts';
import { setChecksum } from '../../../src-engine/filesystems/exfat/entry-sets.ts';
import { tableChecksum } from '../../../src-engine/filesystems/exfat/up-case.ts';
import { noise } from '../../support/disks.ts';
import { madeBy, type Region } from './harmless.ts';

const SECTOR = 512;
const ENTRY = 32;
export const CLUSTER = 512;

export interface ExfatVolume {
  readonly bytes: Buffer;
  readonly fat: number;
  readonly root: number;
  readonly clusterCount: number;
  /** where a cluster begins */
  readonly place: (cluster: number) => number;
  /** entries of the bitmap and the up-case table in the root */
  readonly bitmapEntry: number;
  readonly upCaseEntry: number;
  /** where the entry set of a file or folder begins */
  readonly sets: ReadonlyMap<string, number>;
  /** where the folders lie */
  readonly folders: readonly Region[];
}

interface Node {
  readonly name: string;
  readonly first: number;
  readonly lengthBytes: number;
  readonly isFolder?: boolean;
  readonly isContiguous?: boolean;
}

/** Entries of a file or folder: sections 7.4, 7.6, 7.7. */
function entrySet({ name, first, lengthBytes, isFolder = false, isContiguous = false }: Node): Buffer {
  const nameEntries = Math.ceil(name.length / 15);
  const set = Buffer.alloc((2 + nameEntries) * ENTRY);
  set[0] = 0x85;
  set[1] = 1 + nameEntries;
  set.writeUInt16LE(isFolder ? 0x10 : 0x20, 4);
  set.writeUInt32LE(((44 << 25) | (5 << 21) | (6 << 16)) >>> 0, 12);
  set[ENTRY] = 0xc0;
  set[ENTRY + 1] = isContiguous ? 3 : 1;
  set[ENTRY + 3] = name.length;
  set.writeBigUInt64LE(BigInt(lengthBytes), ENTRY + 8);
  set.writeUInt32LE(first, ENTRY + 20);
  set.writeBigUInt64LE(BigInt(lengthBytes), ENTRY + 24);
  for (let i = 0; i < nameEntries; i++) {
    set[(2 + i) * ENTRY] = 0xc1;
    set.write(name.slice(i * 15, i * 15 + 15), (2 + i) * ENTRY + 2, 'utf16le');
  }
  set.writeUInt16LE(setChecksum(set), 2);
  return set;
}

export function makeVolume(lengthBytes: number): ExfatVolume {
  const bytes = madeBy('mkfs.exfat', ['-c', '512', '-b', '64K', '-L', 'LABEL'], lengthBytes);
  const fat = bytes.readUInt32LE(80) * SECTOR;
  const root = bytes.readUInt32LE(96);
  const place = (cluster: number) => bytes.readUInt32LE(88) * SECTOR + (cluster - 2) * CLUSTER;
  const bitmapEntry = place(root) + ENTRY;
  const bitmap = place(bytes.readUInt32LE(bitmapEntry + 20));
  const sets = new Map<string, number>();
  const folders: Region[] = [[place(root), CLUSTER]];
  let free = root + 1;

  /** Takes clusters; every second one where they are not contiguous, so that they need their chain. */
  function write(content: Buffer, isContiguous: boolean): number[] {
    const clusters: number[] = [];
    for (let at = 0; at < content.length; at += CLUSTER) {
      const cluster = free;
      free += isContiguous ? 1 : 2;
      content.copy(bytes, place(cluster), at, at + CLUSTER);
      bytes[bitmap + ((cluster - 2) >>> 3)] |= 1 << ((cluster - 2) & 7);
      if (!isContiguous && at > 0) bytes.writeUInt32LE(cluster, fat + clusters.at(-1)! * 4);
      clusters.push(cluster);
    }
    if (!isContiguous) bytes.writeUInt32LE(0xffffffff, fat + clusters.at(-1)! * 4);
    return clusters;
  }

  function writeFolder(name: string, children: Buffer[], names: string[]): Buffer {
    const content = Buffer.alloc(Math.ceil(Buffer.concat(children).length / CLUSTER + 0.1) * CLUSTER);
    Buffer.concat(children).copy(content);
    const clusters = write(content, false);
    let at = 0;
    children.forEach((child, i) => {
      sets.set(names[i], place(clusters[Math.floor(at / CLUSTER)]) + (at % CLUSTER));
      at += child.length;
    });
    folders.push(...clusters.map((cluster) => [place(cluster), CLUSTER] as const));
    return entrySet({ name, first: clusters[0], lengthBytes: content.length, isFolder: true });
  }

  const fileSet = (name: string, length: number, isContiguous: boolean) => {
    const first = length === 0 ? 0 : write(noise(name, length), isContiguous)[0];
    return entrySet({ name, first, lengthBytes: length, isContiguous });
  };

  const inner = Array.from({ length: 8 }, (_, i) => `inner ${i} with a name of more than one entry`);
  const deeper = writeFolder(
    'deeper',
    inner.map((name, i) => fileSet(name, i * 700, i % 2 === 0)),
    inner,
  );
  const outer = ['chained', 'contiguous', 'empty'];
  const files = [fileSet('chained', 5000, false), fileSet('contiguous', 5000, true), fileSet('empty', 0, false)];
  const deep = writeFolder('deep', [...files, deeper], [...outer, 'deeper']);
  sets.set('deep', place(root) + 3 * ENTRY);
  deep.copy(bytes, place(root) + 3 * ENTRY);
  return {
    bytes,
    fat,
    root,
    place,
    clusterCount: bytes.readUInt32LE(92),
    bitmapEntry,
    upCaseEntry: bitmapEntry + ENTRY,
    sets,
    folders,
  };
}

/** Puts the checksums of both boot regions right. */
export function sealBoot(bytes: Buffer): void {
  for (const region of [0, 12 * SECTOR]) {
    const sum = bootChecksum(bytes.subarray(region, region + 11 * SECTOR));
    for (let at = 11 * SECTOR; at < 12 * SECTOR; at += 4) bytes.writeUInt32LE(sum, region + at);
  }
}

/** Puts the checksums of those sets right that do not go over the end of a cluster. */
export function sealSets({ bytes, folders }: ExfatVolume): void {
  for (const [start, length] of folders) {
    for (let at = start; at < start + length; at += ENTRY) {
      const setBytes = (bytes[at + 1] + 1) * ENTRY;
      if (bytes[at] !== 0x85 || at + setBytes > start + length) continue;
      bytes.writeUInt16LE(setChecksum(bytes.subarray(at, at + setBytes)), at + 2);
    }
  }
}

/** Puts the checksum of the up-case table right, as far as it is where it was. */
export function sealUpCase({ bytes, upCaseEntry, place }: ExfatVolume): void {
  const at = place(bytes.readUInt32LE(upCaseEntry + 20));
  const length = bytes.readUInt32LE(upCaseEntry + 24);
  bytes.writeUInt32LE(tableChecksum(bytes.subarray(at, at + length)), upCaseEntry + 4);
}
