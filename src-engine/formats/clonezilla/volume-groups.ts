/**
 * Volume groups (LVM) in a Clonezilla folder: which partitions are members, and which images hold the volumes. Clonezilla and Rescuezilla
 * write `lvm_vg_dev.list` (group, device of the member, its UUID), `lvm_logv.list` (a volume's device and what is on it) and, by
 * vgcfgbackup, `lvm_GROUP.conf`. A volume's image goes by its device's name as a partition's does: `GROUP-VOLUME.ext4-ptcl-img.gz.aa`.
 */
import { EngineError } from '../../core/engine-error.ts';
import type { FolderFiles } from './folder-files.ts';
import { fileNameOf, type PartitionPiece } from './pieces.ts';
import { readSwap, type SwapIdentity } from './swap-info.ts';

export interface ClonedVolume {
  readonly name: string;
  /** one of them: its image, or a swap that is made anew */
  readonly piece: PartitionPiece | null;
  readonly swap: SwapIdentity | null;
}

export interface ClonedGroup {
  readonly name: string;
  /** as vgcfgbackup writes it */
  readonly text: string;
  /** those that the folder holds */
  readonly volumes: readonly ClonedVolume[];
}

/** A partition, or a whole disk, that is a member of a group. */
export interface ClonedMember {
  /** '/' is '-', as in names of files */
  readonly device: string;
  /** 6-4-4-4-4-4-6 characters */
  readonly uuid: string;
  readonly group: ClonedGroup;
}

const MAX_LIST_BYTES = 1024 * 1024;
const MAX_TEXT_BYTES = 8 * 1024 * 1024;
const MAX_LINES = 20_000;

/**
 * @param pieces of all images of the folder, by device
 * @throws EngineError `FORMAT_INVALID` for a member's group without its text, and for volumes that the folder claims to hold and does not
 */
export async function readMembers(
  files: FolderFiles,
  pieces: ReadonlyMap<string, PartitionPiece>,
): Promise<ClonedMember[]> {
  const members: { device: string; uuid: string; groupName: string }[] = [];
  for (const line of await linesOf(files, 'lvm_vg_dev.list')) {
    const [, groupName, device, uuid] = /^(\S+)\s+\/(?:dev\/)?(\S+)\s+(\S+)$/.exec(line) ?? [];
    if (!groupName) throw new EngineError('FORMAT_INVALID', { field: 'lvm_vg_dev.list', value: line.slice(0, 200) });
    // a member on a disk that was not saved is listed as /NOT_FOUND
    members.push({ device: fileNameOf(device), uuid, groupName });
  }
  const listed = (await linesOf(files, 'lvm_logv.list')).map((line) => volumeDevice(line));
  const groups = new Map<string, ClonedGroup>();
  for (const name of new Set(members.map(({ groupName }) => groupName))) {
    const file = `lvm_${name}.conf`;
    const text = (await files.read(file, MAX_TEXT_BYTES + 1))?.toString('utf8');
    if (!text) throw new EngineError('FORMAT_INVALID', { field: file, value: 'missing' });
    if (text.length > MAX_TEXT_BYTES)
      throw new EngineError('FORMAT_INVALID', { field: file, value: String(text.length), max: MAX_TEXT_BYTES });
    const own = listed.filter(({ group }) => group === name);
    const volumes = await Promise.all(own.map((volume) => readVolume(files, volume, pieces)));
    groups.set(name, { name, text, volumes });
  }
  return members.map(({ device, uuid, groupName }) => ({ device, uuid, group: groups.get(groupName)! }));
}

async function linesOf(files: FolderFiles, name: string): Promise<string[]> {
  const text = (await files.read(name, MAX_LIST_BYTES))?.toString('utf8') ?? '';
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  if (lines.length > MAX_LINES)
    throw new EngineError('FORMAT_INVALID', { field: name, value: String(lines.length), max: MAX_LINES });
  return lines;
}

interface VolumeDevice {
  readonly group: string;
  readonly name: string;
  /** in names of files */
  readonly device: string;
}

/** `/dev/GROUP/VOLUME`, or device-mapper's name, in which a dash of either name is two. */
function volumeDevice(line: string): VolumeDevice {
  const mapped = /^\/dev\/mapper\/((?:[^\s-]|--)+)-((?:[^\s-]|--)+)(?:\s|$)/.exec(line);
  const [, group, name] = mapped ?? /^\/dev\/([^\s/]+)\/([^\s/]+)(?:\s|$)/.exec(line) ?? [];
  if (!group) throw new EngineError('FORMAT_INVALID', { field: 'lvm_logv.list', value: line.slice(0, 200) });
  if (!mapped) return { group, name, device: `${group}-${name}` };
  const single = (part: string) => part.replaceAll('--', '-');
  return { group: single(group), name: single(name), device: `mapper-${group}-${name}` };
}

async function readVolume(
  files: FolderFiles,
  { group, name, device }: VolumeDevice,
  pieces: ReadonlyMap<string, PartitionPiece>,
): Promise<ClonedVolume> {
  const piece = pieces.get(device) ?? null;
  const swap = piece ? null : await readSwap(files, device);
  if (!piece && !swap)
    throw new EngineError('FORMAT_INVALID', { field: 'lvm_logv.list', value: `${group}/${name} missing` });
  return { name, piece, swap };
}
