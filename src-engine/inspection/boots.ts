/** Whether a firmware would begin from a disk: boot code before a table, an EFI system partition. */
import type { DiskView } from '../contract/disk.contract.ts';
import type { DISK_ROLES } from '../contract/template.contract.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';

const EFI_SYSTEM = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';
const MBR_EFI_SYSTEM = 'EF';
const BOOT_CODE_BYTES = 440;

export interface Boots {
  readonly uefi: boolean;
  readonly bios: boolean;
}

/** @throws EngineError `READ_FAILED` */
export async function bootsOf(source: BlockSource, disk: DiskView): Promise<Boots> {
  const code = await readBytes(source, 0, Math.min(BOOT_CODE_BYTES, source.lengthBytes));
  const types = disk.volumes.map(({ typeId }) => typeId.toUpperCase());
  return {
    uefi: types.includes(EFI_SYSTEM) || (disk.table === 'mbr' && types.includes(MBR_EFI_SYSTEM)),
    bios: disk.table !== 'none' && code.some((byte) => byte !== 0),
  };
}

/**
 * What a machine does with each of its disks: the first that boots is its boot disk, and of those that do not, the first.
 * What cannot be read in its first sectors boots nobody.
 */
export async function rolesOf(
  disks: readonly { readonly source: BlockSource; readonly view: DiskView }[],
): Promise<(typeof DISK_ROLES)[number][]> {
  let boot = 0;
  if (disks.length > 1) {
    const boots = await Promise.all(
      disks.map(({ source, view }) => bootsOf(source, view).catch(() => ({ uefi: false, bios: false }))),
    );
    boot = Math.max(
      0,
      boots.findIndex(({ uefi, bios }) => uefi || bios),
    );
  }
  return disks.map((_, i) => (i === boot ? 'boot' : 'data'));
}

/** @returns the disks with the one that their machine boots from before the others */
export function bootFirst<D extends { readonly role: (typeof DISK_ROLES)[number] }>(disks: readonly D[]): D[] {
  return disks.toSorted((a, b) => Number(b.role === 'boot') - Number(a.role === 'boot'));
}
