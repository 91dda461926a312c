/** The mark of the partition that the boot code of an MBR starts: UEFI 2.10, 5.2.1, BootIndicator. */
import { struct, u8 } from '../core/struct.ts';
import type { Patch } from '../volumes/layout.port.ts';
import type { BootAccount, PartitionStart } from './boot-account.ts';

const ENTRIES_AT = 446;
const ENTRY_BYTES = 16;
const MARKED = 0x80;
const MAX_PRIMARY = 4;
const markStruct = struct(1, { mark: u8(0) });

/**
 * The one that has to have the mark, where none has it and only one has what such boot code starts.
 * @returns its number as text; null where one has it, where the boot code asks for none, or where nothing proves which it is
 */
export function missingActive({ table, bios }: BootAccount): string | null {
  if (table !== 'mbr' || !['syslinux', 'windows'].includes(bios.code) || bios.active.length > 0) return null;
  const able = bios.partitions.filter(canStart);
  return able.length === 1 ? able[0].volume : null;
}

function canStart({ volume, code, core, file, hasHidden }: PartitionStart): boolean {
  if (Number(volume) > MAX_PRIMARY || hasHidden === false) return false;
  return code === 'grub' ? core?.sha256 != null : ['syslinux', 'windows'].includes(code) && file !== null;
}

/** @param volume a primary partition's number */
export function activePatch(volume: string): Patch {
  const bytes = Buffer.alloc(markStruct.size);
  markStruct.write(bytes, { mark: MARKED });
  return { offsetBytes: ENTRIES_AT + (Number(volume) - 1) * ENTRY_BYTES, bytes };
}
