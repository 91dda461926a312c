/**
 * A Clonezilla or Rescuezilla image folder: what its disk consists of. Opening what the pieces hold is for the caller; this
 * says which file belongs where. Places of files: Clonezilla, ocs-functions; see FORMAT.md.
 */
import { EngineError } from '../../core/engine-error.ts';
import { checkRange } from '../../core/bounds.ts';
import type { FolderFiles } from './folder-files.ts';
import { isExtended, logicalRecords, type LogicalRecord } from './logical-records.ts';
import { fileNameOf, partitionPieces, type PartitionPiece } from './pieces.ts';
import { parseSfdiskDump, type SfdiskDump } from './sfdisk-dump.ts';
import { readSwap, type SwapIdentity } from './swap-info.ts';
import { readMembers, type ClonedMember } from './volume-groups.ts';

/** Where something lies on its disk. */
interface Place {
  readonly startBytes: number;
  readonly lengthBytes: number;
}

export type ClonedSwap = Place & SwapIdentity & { readonly device: string };

export interface ClonedDisk {
  /** 'sda' */
  readonly device: string;
  readonly lengthBytes: number;
  readonly sectorBytes: number;
  /** tables and boot code, with their places */
  readonly front: readonly { readonly startBytes: number; readonly bytes: Buffer }[];
  /** what lies between the table of an MBR and the first partition: a file, and where it goes; the rest of a longer file is not this gap's */
  readonly gap: (Place & { readonly file: string }) | null;
  readonly partitions: readonly (PartitionPiece & Place)[];
  readonly swaps: readonly ClonedSwap[];
  /** members of volume groups: the volumes are kept one by one */
  readonly members: readonly (ClonedMember & Place)[];
  /** extended partitions: what is in them are partitions themselves */
  readonly containers: readonly string[];
  /** partitions of the table that the folder holds nothing of, and does not claim to hold */
  readonly notSaved: readonly string[];
}

const MAX_SMALL_BYTES = 1024 * 1024;

/** Whether a folder looks like one of theirs: it says which disks or partitions it holds, and the table of one. */
export function isCloneFolder(names: readonly string[]): boolean {
  return names.includes('parts') && names.some((name) => name.endsWith('-pt.sf') || name.endsWith('-pt.parted'));
}

/**
 * @returns the disks of the folder
 * @throws EngineError `FORMAT_INVALID`; `FORMAT_UNSUPPORTED` for encrypted folders and partitions, and old kinds of images
 */
export async function readCloneFolder(files: FolderFiles): Promise<ClonedDisk[]> {
  const { names } = files;
  if (names.includes('ecryptfs.info'))
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'encrypted Clonezilla folder' });
  if ((await files.read('luks-dev.list', MAX_SMALL_BYTES))?.length)
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'LUKS in a Clonezilla folder' });
  const pieces = partitionPieces(names);
  const members = await readMembers(files, pieces);
  const saved = await listed(files, 'disk');
  const whole = members.filter(({ device }) => saved.includes(device));
  const devices = names
    .filter((name) => name.endsWith('-pt.sf'))
    .map((name) => name.slice(0, -'-pt.sf'.length))
    // of a disk that is a member as a whole, there is no table, or an empty one
    .filter((device) => !whole.some((member) => member.device === device));
  if (devices.length + whole.length === 0)
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'Clonezilla folder without a table (-pt.sf)' });
  const disks = await Promise.all([
    ...devices.map((device) => readDisk(files, device, pieces, members)),
    ...whole.map((member) => readWholeMember(files, member)),
  ]);
  await checkComplete(files, disks, pieces, members);
  return disks.sort((a, b) => inOrder(a.device, b.device, saved));
}

/** As the folder lists them; else as the kernel names them: sdz before sdaa, nvme2n1 before nvme10n1. */
function inOrder(a: string, b: string, saved: readonly string[]): number {
  const places = [a, b].map((device) => saved.indexOf(device));
  if (!places.includes(-1)) return places[0] - places[1];
  return a.length - b.length || (a < b ? -1 : 1);
}

/** @returns the names in one of the folder's lists, as in names of files */
async function listed(files: FolderFiles, name: string): Promise<string[]> {
  const text = (await files.read(name, MAX_SMALL_BYTES))?.toString('utf8') ?? '';
  return text.split(/\s+/).filter(Boolean).map(fileNameOf);
}

/**
 * The folder's own lists against its files, both ways: nothing of what it claims to hold is missing, and nothing is there that belongs nowhere.
 * @throws EngineError `FORMAT_INVALID` with the name
 */
async function checkComplete(
  files: FolderFiles,
  disks: readonly ClonedDisk[],
  pieces: ReadonlyMap<string, PartitionPiece>,
  members: readonly ClonedMember[],
): Promise<void> {
  const refuse = (field: string, value: string) => new EngineError('FORMAT_INVALID', { field, value });
  for (const device of await listed(files, 'disk')) {
    if (!disks.some((disk) => disk.device === device)) throw refuse(`${device}-pt.sf`, 'missing');
  }
  const held = disks.flatMap(({ partitions, swaps, containers, members: own }) => [
    ...[...partitions, ...swaps, ...own].map(({ device }) => device),
    ...containers,
  ]);
  held.push(...members.flatMap(({ group }) => group.volumes).flatMap(({ piece }) => piece?.device ?? []));
  for (const device of await listed(files, 'parts')) {
    if (!held.includes(device)) throw refuse('parts', `${device} missing`);
  }
  for (const [
    device,
    {
      files: [first],
    },
  ] of pieces) {
    if (!held.includes(device)) throw refuse('pieces', `${first} of no partition`);
  }
}

/** A disk without a table, that is a member of a group as a whole. */
async function readWholeMember(files: FolderFiles, member: ClonedMember): Promise<ClonedDisk> {
  const { device } = member;
  const field = `${device}-pt.parted`;
  const text = (await files.read(field, MAX_SMALL_BYTES))?.toString('utf8') ?? '';
  const [, sectors] = /^Disk \S+: (\d+)s$/m.exec(text) ?? [];
  const sectorBytes = Number(/^Sector size \(logical\/physical\): (\d+)B/m.exec(text)?.[1] ?? 512);
  checkRange(field, sectorBytes, 512, 4096);
  if (!sectors) throw new EngineError('FORMAT_INVALID', { field, value: 'Disk' });
  const lengthBytes = checkRange(field, Number(sectors) * sectorBytes, sectorBytes, Number.MAX_SAFE_INTEGER);
  return {
    ...{ device, lengthBytes, sectorBytes, front: [], gap: null, partitions: [], swaps: [] },
    ...{ members: [{ ...member, startBytes: 0, lengthBytes }], containers: [], notSaved: [] },
  };
}

async function readDisk(
  files: FolderFiles,
  device: string,
  pieces: ReadonlyMap<string, PartitionPiece>,
  allMembers: readonly ClonedMember[],
): Promise<ClonedDisk> {
  const text = async (name: string) => (await files.read(name, MAX_SMALL_BYTES))?.toString('utf8') ?? '';
  const dump = parseSfdiskDump(await text(`${device}-pt.sf`));
  const { sectorBytes } = dump;
  const primary = await files.read(`${device}-gpt-1st`, MAX_SMALL_BYTES);
  const backup = await files.read(`${device}-gpt-2nd`, MAX_SMALL_BYTES);
  const isGpt = dump.label === 'gpt';
  if (isGpt && !primary) throw new EngineError('FORMAT_INVALID', { field: `${device}-gpt-1st`, value: 'missing' });
  const lengthBytes = diskBytes(dump, await text(`${device}-pt.parted`), isGpt ? primary : null);

  const firstBytes = Math.min(Infinity, ...dump.partitions.map(({ startSector }) => startSector)) * sectorBytes;
  const lastBytes = Math.max(0, ...dump.partitions.map((part) => part.startSector + part.sectors)) * sectorBytes;
  const front: { startBytes: number; bytes: Buffer }[] = [];
  let gap: ClonedDisk['gap'] = null;
  const mbr = await files.read(`${device}-mbr`, 512);
  if (isGpt) {
    front.push({ startBytes: 0, bytes: primary!.subarray(0, firstBytes) });
    // the boot code of the protective MBR is kept by itself, too
    if (mbr && mbr.length === 512) front[0].bytes.set(mbr.subarray(0, 440));
    // some releases kept a sector less: without the header nobody knows its place, and the first table has all that it says
    if (backup && isBackupTable(backup, lengthBytes, sectorBytes, lastBytes)) {
      front.push({ startBytes: lengthBytes - backup.length, bytes: backup });
    }
  } else {
    if (!mbr || mbr.length !== 512)
      throw new EngineError('FORMAT_INVALID', { field: `${device}-mbr`, value: 'missing' });
    front.push({ startBytes: 0, bytes: mbr });
    const file = `${device}-hidden-data-after-mbr`;
    const gapBytes = Math.min(firstBytes, lengthBytes) - 512;
    if (files.names.includes(file) && gapBytes > 0) gap = { file, startBytes: 512, lengthBytes: gapBytes };
    front.push(
      ...logicalRecords(dump).map((record: LogicalRecord) => ({
        startBytes: record.sector * sectorBytes,
        bytes: record.bytes,
      })),
    );
  }

  const partitions = [];
  const swaps: ClonedSwap[] = [];
  const members: ClonedDisk['members'][number][] = [];
  const containers: string[] = [];
  const notSaved: string[] = [];
  for (const partition of dump.partitions) {
    const { startSector, sectors } = partition;
    const name = fileNameOf(partition.device);
    const place = { startBytes: startSector * sectorBytes, lengthBytes: sectors * sectorBytes };
    if (place.startBytes + place.lengthBytes > lengthBytes) {
      throw new EngineError('FORMAT_INVALID', { field: 'partition', value: name, max: lengthBytes });
    }
    const piece = pieces.get(name);
    if (piece) partitions.push({ ...piece, ...place });
    if (isExtended(partition)) containers.push(name);
    const member = allMembers.find((one) => one.device === name);
    // it is kept as a whole or by its volumes, not both
    if (member && piece) throw new EngineError('FORMAT_INVALID', { field: 'lvm_vg_dev.list', value: piece.files[0] });
    if (member) members.push({ ...member, ...place });
    const swap = piece || member ? null : await readSwap(files, name);
    if (swap) swaps.push({ device: name, ...place, ...swap });
    if (!piece && !member && !swap && !isExtended(partition)) notSaved.push(name);
  }
  return { device, lengthBytes, sectorBytes, front, gap, partitions, swaps, members, containers, notSaved };
}

/** It ends with the header, which knows that it is at the end of the disk, and lies behind the partitions. */
function isBackupTable(backup: Buffer, lengthBytes: number, sectorBytes: number, lastBytes: number): boolean {
  const at = backup.length - sectorBytes;
  if (at < 0 || backup.toString('latin1', at, at + 8) !== 'EFI PART') return false;
  return (
    backup.readBigUInt64LE(at + 24) === BigInt(lengthBytes / sectorBytes - 1) &&
    lengthBytes - backup.length >= lastBytes
  );
}

/** A GPT knows where its copy at the end of the disk is; parted says how long the disk was; else it ends with its last partition. */
function diskBytes(dump: SfdiskDump, parted: string, gpt: Buffer | null): number {
  const { sectorBytes } = dump;
  const ends = dump.partitions.map(({ startSector, sectors }) => startSector + sectors);
  let sectors = Math.max(1, ...ends);
  if (gpt && gpt.length >= sectorBytes + 40 && gpt.toString('latin1', sectorBytes, sectorBytes + 8) === 'EFI PART') {
    sectors = Math.max(sectors, Number(gpt.readBigUInt64LE(sectorBytes + 32)) + 1);
  } else {
    const told = /^Disk \S+: (\d+)s$/m.exec(parted);
    if (told) sectors = Math.max(sectors, Number(told[1]));
  }
  return checkRange('disk length', sectors * sectorBytes, sectorBytes, Number.MAX_SAFE_INTEGER);
}
