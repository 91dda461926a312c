/** How a disk starts a machine: which firmware finds what on it, and what that leads on to. Reads only, and never more than small pieces. */
import { createHash } from 'node:crypto';
import { struct, u16le, u32le } from '../core/struct.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import { GuestFiles } from '../guest/guest-files.ts';
import type { GuestVolume } from '../guest/guest-input.ts';
import { BOOT_CODE_BYTES, bootCodeOf, type BootCode } from '../volumes/boot-code.ts';
import { looksLikeFileSystem } from '../volumes/boot-sector.ts';
import { bytesOf } from '../volumes/extents.ts';
import type { DiskLayout, Partition } from '../volumes/layout.port.ts';
import {
  extentsOfCore,
  GRUB_SECTOR_BYTES,
  readGrubCore,
  withoutBlockList,
  type GrubCore,
} from '../volumes/outside-tables/grub-core.ts';
import { extentsOfFile } from './extents-of-file.ts';
import { readEfiPartition, type EfiPartition } from './efi-partition.ts';

/** More partitions than that are not asked for boot code of their own. */
const MAX_PARTITIONS = 128;
/** Type of an EFI system partition in a GPT and in an MBR: UEFI 2.10, tables 5.7 and 5.3. */
const EFI_TYPES = ['C12A7328-F81F-11D2-BA4B-00A0C93EC93B', 'EF'];
/** Where grub-install puts the modules of a BIOS, from the root of the system or of its /boot. */
const MODULES = ['/boot/grub', '/boot/grub2', '/grub', '/grub2'].map((folder) => `${folder}/i386-pc/normal.mod`);
/** Where SYSLINUX and EXTLINUX keep what their boot sector reads by its blocks. */
const BLOCK_FILES = ['', '/boot', '/boot/extlinux', '/boot/syslinux', '/extlinux', '/syslinux'].map(
  (folder) => `${folder}/ldlinux.sys`,
);
const WINDOWS_FILES = ['/bootmgr', '/ntldr'];
const POINTER_BYTES = 8;
/** Parameters of FAT and NTFS in their boot sector, up to where code begins. */
const PARAMETERS = [3, 0x5a] as const;

export interface CoreAccount {
  /** the core's first sector, on the disk */
  readonly startBytes: number;
  readonly lengthBytes: number;
  /** of its bytes, without the numbers of the sectors that it lies in; null where its list does not hold */
  readonly sha256: string | null;
  /** the partition that all of it lies in; null: the gap in front of all of them, or several */
  readonly volume: string | null;
  /** where it will lie cannot be foreseen: a program gives its volume another length */
  readonly isUncertain?: boolean;
}

/** A partition with boot code of its own. */
export interface PartitionStart {
  readonly volume: string;
  readonly code: BootCode;
  readonly sha256: string;
  readonly core: CoreAccount | null;
  /** of FAT and NTFS: whether the sectors that it says lie in front of it do; null where it says nothing of it */
  readonly hasHidden: boolean | null;
  /** what the code reads by blocks, and where that lies in the volume; or what it finds by its name */
  readonly file: { readonly path: string; readonly extents: readonly Extent[]; readonly isUncertain?: boolean } | null;
}

export interface BiosStart {
  readonly code: BootCode;
  /** of the code, without the number of the sector that it leads to */
  readonly sha256: string;
  readonly core: CoreAccount | null;
  /** partitions that are marked as those to be started */
  readonly active: readonly string[];
  readonly partitions: readonly PartitionStart[];
  /** GRUB's own files */
  readonly modules: { readonly volume: string; readonly path: string } | null;
}

export interface EfiStart extends EfiPartition {
  readonly volume: string;
  /** whether the table says that it is one */
  readonly hasType: boolean;
}

export interface BootAccount {
  readonly table: DiskLayout['table'];
  readonly sectorBytes: number;
  readonly bios: BiosStart;
  readonly efi: readonly EfiStart[];
  /** where its partitions lie */
  readonly places: readonly ({ readonly volume: string; readonly partitionUuid?: string } & Extent)[];
  /** what a loader may look for */
  readonly volumes: readonly Pick<GuestVolume, 'ref' | 'uuid' | 'label'>[];
}

/**
 * @param layout of the disk
 * @param volumes of it, with their files
 * @throws EngineError `READ_FAILED`; damage is what cannot be told
 */
export async function readBootAccount(
  disk: BlockSource,
  layout: DiskLayout,
  volumes: readonly GuestVolume[],
  signal: AbortSignal,
): Promise<BootAccount> {
  const efi: EfiStart[] = [];
  for (const { ref, kind, tree } of volumes) {
    const partition = layout.partitions.find(({ number }) => String(number ?? 0) === ref);
    const found = partition && tree && kind?.startsWith('fat') ? await readEfiPartition(tree, signal) : null;
    if (found) efi.push({ ...found, volume: ref, hasType: EFI_TYPES.includes(partition!.typeId) });
  }
  return {
    table: layout.table,
    sectorBytes: layout.sectorBytes,
    bios: await readBios(disk, layout, volumes, signal),
    efi,
    places: layout.partitions.map(({ number, startBytes, lengthBytes, partitionUuid }) => ({
      volume: String(number ?? 0),
      startBytes,
      lengthBytes,
      partitionUuid,
    })),
    volumes: volumes.map(({ ref, uuid, label }) => ({ ref, uuid, label })),
  };
}

async function readBios(
  disk: BlockSource,
  layout: DiskLayout,
  volumes: readonly GuestVolume[],
  signal: AbortSignal,
): Promise<BiosStart> {
  const sector = await readBytes(disk, 0, Math.min(GRUB_SECTOR_BYTES, disk.lengthBytes));
  // without a table the first sector is the only volume's
  const code = layout.table === 'none' ? 'none' : bootCodeOf(sector);
  const core = code === 'grub' ? await readGrubCore(disk) : null;
  const partitions: PartitionStart[] = [];
  for (const partition of layout.partitions.slice(0, MAX_PARTITIONS)) {
    const found = await readPartition(disk, layout, partition, volumes, signal);
    if (found) partitions.push(found);
  }
  const usesGrub = code === 'grub' || partitions.some((partition) => partition.code === 'grub');
  return {
    code,
    sha256: sha256Of(maskedCode(sector, BOOT_CODE_BYTES, core)),
    core: core && (await coreAccount(disk, layout, core)),
    active: layout.partitions.filter(({ isBootable }) => isBootable).map(({ number }) => String(number ?? 0)),
    partitions,
    modules: usesGrub ? await findFile(volumes, MODULES, signal) : null,
  };
}

async function readPartition(
  disk: BlockSource,
  layout: DiskLayout,
  { number, startBytes, lengthBytes }: Partition,
  volumes: readonly GuestVolume[],
  signal: AbortSignal,
): Promise<PartitionStart | null> {
  if (lengthBytes < GRUB_SECTOR_BYTES) return null;
  const sector = await readBytes(disk, startBytes, GRUB_SECTOR_BYTES);
  const code = bootCodeOf(sector, true);
  if (code === 'none') return null;
  const ref = String(number ?? 0);
  const core = code === 'grub' ? await readGrubCore(disk, startBytes) : null;
  const files = code === 'syslinux' ? BLOCK_FILES : code === 'windows' ? WINDOWS_FILES : [];
  const own = volumes.filter((volume) => volume.ref === ref);
  const file = await findFile(own, files, signal);
  return {
    volume: ref,
    code,
    sha256: sha256Of(maskedCode(sector, sector.length, core)),
    core: core && (await coreAccount(disk, layout, core)),
    hasHidden: hasHidden(sector, startBytes / layout.sectorBytes),
    file: file && { path: file.path, extents: await extentsOfFile(own[0].tree!, file.path, signal) },
  };
}

const parameterStruct = struct(GRUB_SECTOR_BYTES, { sectorBytes: u16le(11), hidden: u32le(28) });

/** Microsoft, "FAT: General Overview of On-Disk Format" 1.03: BPB_HiddSec. */
function hasHidden(sector: Buffer, startSector: number): boolean | null {
  if (!looksLikeFileSystem(sector)) return null;
  const { hidden } = parameterStruct.read(sector);
  return hidden === 0 ? null : hidden === startSector;
}

/** Boot code without the number of the sector that it leads to, which may be another one on another disk. */
function maskedCode(sector: Buffer, lengthBytes: number, core: GrubCore | null): Buffer {
  const code = Buffer.from(sector.subarray(0, lengthBytes));
  if (core)
    code.fill(0, core.first.atBytes % GRUB_SECTOR_BYTES, (core.first.atBytes % GRUB_SECTOR_BYTES) + POINTER_BYTES);
  // what a file system says of itself there is its own
  if (lengthBytes === GRUB_SECTOR_BYTES && looksLikeFileSystem(sector)) code.fill(0, ...PARAMETERS);
  return code;
}

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function coreAccount(disk: BlockSource, { partitions }: DiskLayout, core: GrubCore): Promise<CoreAccount> {
  const extents = extentsOfCore(core);
  const inside = partitions.find(({ startBytes, lengthBytes }) =>
    extents.every((one) => {
      return one.startBytes >= startBytes && one.startBytes + one.lengthBytes <= startBytes + lengthBytes;
    }),
  );
  return {
    startBytes: core.first.startBytes,
    lengthBytes: bytesOf(extents),
    sha256: core.isWhole ? await coreSha256(disk, core) : null,
    volume: inside ? String(inside.number ?? 0) : null,
  };
}

async function coreSha256(disk: BlockSource, core: GrubCore): Promise<string> {
  const hash = createHash('sha256');
  for (const { startBytes, lengthBytes } of extentsOfCore(core)) {
    const bytes = await readBytes(disk, startBytes, lengthBytes);
    hash.update(startBytes === core.first.startBytes ? withoutBlockList(bytes, core) : bytes);
  }
  return hash.digest('hex');
}

/** The first of some paths that is on any of the volumes. */
async function findFile(
  volumes: readonly GuestVolume[],
  paths: readonly string[],
  signal: AbortSignal,
): Promise<{ volume: string; path: string } | null> {
  for (const { ref, tree } of volumes) {
    if (!tree || paths.length === 0) continue;
    const path = await new GuestFiles({ tree, node: tree.root }, signal).firstOf(paths);
    if (path !== null) return { volume: ref, path };
  }
  return null;
}
