/** What an EFI system partition has for a firmware to start: UEFI 2.10, 13.3.1 (folders of vendors) and 3.5.1.1 (the fallback loader). */
import { sha256Of } from '../core/random-bytes.ts';
import { GuestFiles } from '../guest/guest-files.ts';
import type { FileTree } from '../filesystems/file-tree.port.ts';
import { EFI_HEAD_BYTES, efiArchitecture } from './efi-image.ts';

const MAX_VENDORS = 50;
const MAX_LOADERS = 100;
/** Loaders take a few MiB; a kernel with its initramfs in one file more, and those are no loaders. */
const MAX_LOADER_BYTES = 32 * 1024 * 1024;
const MAX_HASHED_BYTES = 128 * 1024 * 1024;

/** Whose program it is, by the names under which their own installers put them there. */
export type LoaderRole = 'fallback' | 'shim' | 'grub' | 'systemd-boot' | 'windows' | 'other';

export interface EfiLoader {
  /** in the partition, as its names are written there */
  readonly path: string;
  readonly role: LoaderRole;
  /** as in the name of the fallback loader: `x64` */
  readonly architecture: string;
  readonly lengthBytes: number;
  readonly modifiedMs: number | null;
  /** null where it is too long, or cannot be read */
  readonly sha256: string | null;
}

/** A configuration of GRUB beside it, which leads on to the file system with the menu. */
export interface GrubConfig {
  readonly path: string;
  /** of the file system that it looks for; null where it looks for none */
  readonly searched: { readonly by: 'uuid' | 'label'; readonly value: string } | null;
}

export interface EfiPartition {
  readonly loaders: readonly EfiLoader[];
  readonly configs: readonly GrubConfig[];
}

/** @returns null where it has no folder EFI; throws nothing but an abort */
export async function readEfiPartition(tree: FileTree, signal: AbortSignal): Promise<EfiPartition | null> {
  const files = new GuestFiles({ tree, node: tree.root }, signal);
  const efi = await find(files, '', 'EFI');
  if (efi === null) return null;
  const loaders: EfiLoader[] = [];
  const configs: GrubConfig[] = [];
  let hashedBytes = 0;
  for (const vendor of (await files.names(efi)).slice(0, MAX_VENDORS)) {
    const folder = await loaderFolder(files, `${efi}/${vendor}`);
    for (const name of await files.names(folder)) {
      if (loaders.length >= MAX_LOADERS) break;
      const path = `${folder}/${name}`;
      if (/^grub\.cfg$/i.test(name)) configs.push({ path, searched: searchedBy((await files.text(path)) ?? '') });
      if (!/\.efi$/i.test(name)) continue;
      const head = await files.head(path, EFI_HEAD_BYTES);
      const architecture = head && efiArchitecture(head);
      const node = (await files.find(path))?.node;
      if (!architecture || !node) continue;
      const { lengthBytes, modifiedMs } = node;
      const mayHash = lengthBytes <= MAX_LOADER_BYTES && hashedBytes + lengthBytes <= MAX_HASHED_BYTES;
      if (mayHash) hashedBytes += lengthBytes;
      const sha256 = mayHash ? await hashOf(files, path) : null;
      loaders.push({ path, role: roleOf(vendor, name, architecture), architecture, lengthBytes, modifiedMs, sha256 });
    }
  }
  return { loaders, configs };
}

/** Microsoft's lies one folder deeper. */
async function loaderFolder(files: GuestFiles, folder: string): Promise<string> {
  if (!/\/microsoft$/i.test(folder)) return folder;
  return (await find(files, folder, 'Boot')) ?? folder;
}

/** A name of a folder as it is written there: large and small letters are the same in FAT. */
async function find(files: GuestFiles, folder: string, wanted: string): Promise<string | null> {
  const name = (await files.names(folder || '/')).find((one) => one.toUpperCase() === wanted.toUpperCase());
  return name === undefined ? null : `${folder}/${name}`;
}

function roleOf(vendor: string, name: string, architecture: string): LoaderRole {
  const [isBoot, isMicrosoft] = [/^boot$/i.test(vendor), /^microsoft$/i.test(vendor)];
  const plain = name.toLowerCase();
  if (isBoot && plain === `boot${architecture}.efi`) return 'fallback';
  if (isMicrosoft) return plain === 'bootmgfw.efi' ? 'windows' : 'other';
  if (plain === `shim${architecture}.efi` || plain === 'shim.efi') return 'shim';
  if (plain === `grub${architecture}.efi` || plain === 'grub.efi') return 'grub';
  return plain === `systemd-boot${architecture}.efi` ? 'systemd-boot' : 'other';
}

async function hashOf(files: GuestFiles, path: string): Promise<string | null> {
  return files.guarded(path, async () => {
    const content = await files.content(path);
    return content && sha256Of(content);
  });
}

/** GNU GRUB manual, `search`; grub-install writes the short form `search.fs_uuid`. */
function searchedBy(text: string): GrubConfig['searched'] {
  const line = text
    .slice(0, 64 * 1024)
    .split('\n')
    .find((one) => /^\s*search/.test(one));
  if (line === undefined) return null;
  const words = line.trim().split(/\s+/);
  const value = (words[0].includes('.') ? words[1] : words.slice(1).find((word) => !word.startsWith('-'))) ?? '';
  const plain = value.replaceAll(/["']/g, '');
  const isLabel = /\.(?:fs_)?label$/.test(words[0]) || words.some((word) => word === '--label' || word === '-l');
  const isUuid = words[0].endsWith('fs_uuid') || words.some((word) => word === '--fs-uuid' || word === '-u');
  return plain !== '' && (isUuid || isLabel) ? { by: isUuid ? 'uuid' : 'label', value: plain.slice(0, 100) } : null;
}
