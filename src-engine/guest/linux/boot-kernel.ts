/** The kernel that starts by default, as the configuration of the boot loader says: GRUB 2 and its older kin, systemd-boot, extlinux. */
import type { GuestFiles } from '../guest-files.ts';
import { parseAssignments } from './assignments.ts';
import { defaultOfExtlinux } from './extlinux.ts';
import { defaultOfGrub2, defaultOfLegacy } from './grub.ts';
import { bestEntry, entryOf, readEntries, type LoaderEntry } from './loader-entries.ts';

export interface Booted {
  /** of the kernel's file, without its folder */
  readonly name: string;
  /** where an entry says it; the kernel's file may have a name without one */
  readonly version: string | null;
  /** the files by which it was decided */
  readonly origin: string;
}

const GRUB2 = [
  '/boot/grub2/grub.cfg',
  '/boot/grub/grub.cfg',
  '/boot/efi/EFI/centos/grub.cfg',
  '/boot/efi/EFI/redhat/grub.cfg',
  '/boot/efi/EFI/fedora/grub.cfg',
];
const GRUB_ENVIRONMENT = ['/boot/grub2/grubenv', '/boot/grub/grubenv'];
const GRUB_LEGACY = ['/boot/grub/grub.conf', '/boot/grub/menu.lst'];
const EXTLINUX = [
  '/boot/extlinux.conf',
  '/boot/extlinux/extlinux.conf',
  '/boot/syslinux/syslinux.cfg',
  '/boot/syslinux.cfg',
];
/** Where an EFI system partition or an extended boot partition is mounted: systemd-boot(7). */
const LOADER_FOLDERS = ['/boot/loader', '/efi/loader', '/boot/efi/loader'];

/** @returns null where it cannot be told */
export async function bootKernelOf(files: GuestFiles): Promise<Booted | null> {
  return (await fromGrub2(files)) ?? (await fromLegacy(files)) ?? (await fromSystemdBoot(files)) ?? fromExtlinux(files);
}

const fileName = (path: string) => path.split('/').at(-1)!;

async function fromGrub2(files: GuestFiles): Promise<Booted | null> {
  for (const path of GRUB2) {
    const text = await files.text(path);
    if (text === null) continue;
    const saved = await savedEntry(files);
    if (/^[ \t]*blscfg\b/m.test(text)) {
      const entries = await readEntries(files, '/boot/loader');
      // without a saved one GRUB starts the first of its menu
      const entry = saved === null ? bestEntry(entries) : entryOf(entries, saved.entry);
      if (entry) return booted(entry, saved?.path ?? path);
    }
    const kernel = defaultOfGrub2(text, saved?.entry ?? null);
    if (kernel === null) continue;
    const isSaved = saved !== null && text.includes('saved_entry');
    return { name: fileName(kernel), version: null, origin: isSaved ? `${path}, ${saved.path}` : path };
  }
  return null;
}

async function savedEntry(files: GuestFiles): Promise<{ path: string; entry: string } | null> {
  for (const path of GRUB_ENVIRONMENT) {
    const entry = parseAssignments((await files.text(path)) ?? '').get('saved_entry');
    if (entry) return { path, entry };
  }
  return null;
}

async function fromLegacy(files: GuestFiles): Promise<Booted | null> {
  for (const origin of GRUB_LEGACY) {
    const text = await files.text(origin);
    const kernel = text === null ? null : defaultOfLegacy(text);
    if (kernel !== null) return { name: fileName(kernel), version: null, origin };
  }
  return null;
}

async function fromSystemdBoot(files: GuestFiles): Promise<Booted | null> {
  for (const folder of LOADER_FOLDERS) {
    const entries = await readEntries(files, folder);
    if (entries.length === 0) continue;
    const path = `${folder}/loader.conf`;
    const wanted = /^default[ \t]+(\S{1,300})/m.exec((await files.text(path)) ?? '')?.[1] ?? null;
    const entry = wanted === null ? bestEntry(entries) : entryOf(entries, wanted);
    // '@saved' lies in the firmware's memory, not on the disk
    return entry && wanted?.startsWith('@') !== true ? booted(entry, wanted === null ? folder : path) : null;
  }
  return null;
}

async function fromExtlinux(files: GuestFiles): Promise<Booted | null> {
  for (const origin of EXTLINUX) {
    const text = await files.text(origin);
    const kernel = text === null ? null : defaultOfExtlinux(text);
    if (kernel !== null) return { name: fileName(kernel), version: null, origin };
  }
  return null;
}

function booted({ linux, version, path }: LoaderEntry, decidedBy: string): Booted {
  return { name: fileName(linux), version, origin: `${path}, ${decidedBy}` };
}
