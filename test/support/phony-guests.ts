/**
 * Phony guests: whole disks with just the files by which a system is told, laid out as its own installer would have done.
 * What is on them was written for these tests; the file systems, tables and hives are made by other people's tools.
 */
import type { GuestTree } from './guests.ts';
import { LINUX_GUESTS } from './phony-linux.ts';
import { buildDisk } from './phony-layout.ts';
import { windowsGuests } from './phony-windows.ts';

export type FileSystemKind = 'ext3' | 'ext4' | 'xfs' | 'btrfs' | 'fat' | 'ntfs' | 'swap';

export interface PhonyVolume {
  readonly fileSystem: FileSystemKind;
  readonly files: GuestTree;
  readonly mib: number;
  readonly uuid?: string;
  readonly label?: string;
  /** options of its mkfs, for what later releases of it do otherwise */
  readonly options?: readonly string[];
  /** btrfs: subvolumes to make, and which one is mounted where no other is named */
  readonly subvolumes?: readonly string[];
  readonly defaultSubvolume?: string;
}

export interface PhonyPartition {
  readonly role: 'esp' | 'linux' | 'lvm' | 'bios-boot' | 'msr' | 'windows';
  /** what is on it; for `lvm` in {@link group} */
  readonly volume?: PhonyVolume;
  readonly group?: { readonly name: string; readonly volumes: Readonly<Record<string, PhonyVolume>> };
  /** of a GPT */
  readonly uuid?: string;
  readonly name?: string;
}

export interface PhonyGuest {
  readonly table: 'mbr' | 'gpt';
  readonly bootCode: 'grub' | 'windows' | 'syslinux' | null;
  readonly partitions: readonly PhonyPartition[];
  /** what a reader of the disk should say */
  readonly told: {
    readonly release: string;
    readonly pointRelease: string | null;
    readonly bootModes: readonly string[];
    readonly bootKernel: string | null;
    readonly usesLvm: boolean;
  };
}

const GUESTS: Readonly<Record<string, (work: string) => PhonyGuest>> = { ...LINUX_GUESTS, ...windowsGuests() };

/** Their names: `centos-6.10`, `windows-server-2019`… */
export const phonyGuests: readonly string[] = Object.keys(GUESTS);

/**
 * Makes the disk of a phony guest, in less than a second. Needs Linux and root for btrfs, LVM and NTFS.
 * @param work a folder that exists; the image and what is needed on the way lie there
 * @returns the path of a sparse raw image
 */
export function phonyDisk(work: string, name: string): string {
  return buildDisk(work, name, phonyGuest(work, name));
}

/** @throws Error where there is none of that name */
export function phonyGuest(work: string, name: string): PhonyGuest {
  if (!Object.hasOwn(GUESTS, name)) throw new Error(`no phony guest ${name}`);
  return GUESTS[name](work);
}
