/**
 * The files of a volume in which identifiers of a disk may be named: settings in /etc, all that boot loaders read, what they start. Links are
 * followed inside the volume alone, and only where settings or boot loaders may lie behind them.
 */
import { EngineError } from '../core/engine-error.ts';
import type { FileNode, FileTree } from '../filesystems/file-tree.port.ts';
import { GuestFiles } from '../guest/guest-files.ts';
import type { GuestVolume } from '../guest/guest-input.ts';
import type { Names } from '../writers/steps.port.ts';
import { systemRoots, type SystemRoot } from './system-roots.ts';

/** A volume with more in these places is not looked through. */
const MAX_FILES = 100_000;
const MAX_BYTES = 512 * 1024 * 1024;
const MAX_DEPTH = 32;
/** No settings are longer; tables for hardware, policies and fonts are, and name no disk. */
export const MAX_SEARCHED_BYTES = 4 * 1024 * 1024;

export type BootFileKind =
  /** a file whose bytes are looked through */
  | 'plain'
  /** a program for UEFI, perhaps with a configuration, a command line or a first file system in it */
  | 'efi-program'
  /** a first file system */
  | 'initramfs'
  /** a kernel, a font or a table: named nothing of a disk */
  | 'other';

export interface BootFile {
  readonly names: Names;
  readonly node: FileNode;
  readonly kind: BootFileKind;
  /** settings by whose name alone it is clear that they count: one that cannot be read may name anything */
  readonly isSettings: boolean;
  /** it lies in a snapshot, which is not to change */
  readonly isInSnapshot: boolean;
}

const SETTINGS =
  /^(?:fstab|crypttab|mdadm\.conf|grub|grubenv|menu\.lst|cmdline(?:\.txt)?|resume|(?:\w*env)\.txt|(?:.*\.)?(?:cfg|conf))$/i;
const INITRAMFS = /initr(?:d|amfs)|\.cpio(?:\.\w+)?$/i;
const KERNEL = /^(?:vmlinu[xz]|bzimage|zimage|uimage|image|kernel|xen|memtest|system\.map|config-|symvers|linux-)/i;
/** On a volume of its own at /boot, or an EFI system partition, or what boards start from. */
const OF_BOOT =
  /^(?:grub2?|loader|efi|extlinux|syslinux|isolinux|(?:vmlinu[xz]|initr(?:d|amfs)|kernel\d*\.img|[zu]?image).*|cmdline\.txt|\w*env\.txt|boot\.(?:scr|cmd))$/i;
/** Below the root of a system. `boot` and `efi` are folders on which a volume may be mounted, which then has nothing here. */
const OF_SYSTEM = ['etc', 'boot', 'efi', 'usr/lib/kernel', 'usr/lib/dracut/dracut.conf.d', 'usr/lib/bootc/kargs.d'];
/** Says what is mounted: where it leads elsewhere, nobody can tell what it names. */
const TABLES = /^(?:fstab|crypttab)$/;

export const isSearched = ({ kind, tree }: GuestVolume): boolean =>
  tree !== null && kind !== null && /^(?:ext[234]|xfs|btrfs|fat)/.test(kind);

/**
 * @param volume one that {@link isSearched} @param isBoot something that starts the system is to be on it
 * @throws EngineError `FORMAT_INVALID` and `FORMAT_UNSUPPORTED` for damage, or more files than are looked at; `READ_FAILED`, `ABORTED`
 */
export async function bootFilesOf(volume: GuestVolume, isBoot: boolean, signal: AbortSignal): Promise<BootFile[]> {
  const walk = new Walk(volume.tree!, signal);
  // a volume of btrfs may be the root as well
  const isBootAlone = isBoot && volume.kind !== 'btrfs';
  for (const root of await systemRoots(volume, signal)) await walk.system(root, isBootAlone);
  return walk.files;
}

/** Where a walk is. */
interface Place {
  readonly root: SystemRoot;
  /** of the root's system alone */
  readonly files: GuestFiles;
  /** below a folder of boot loaders, where links count */
  readonly isBoot: boolean;
}

class Walk {
  readonly files: BootFile[] = [];
  readonly #tree: FileTree;
  readonly #signal: AbortSignal;
  readonly #seen = new Set<string>();
  #count = 0;
  #bytes = 0;

  constructor(tree: FileTree, signal: AbortSignal) {
    this.#tree = tree;
    this.#signal = signal;
  }

  async system(root: SystemRoot, isBoot: boolean): Promise<void> {
    const files = new GuestFiles({ tree: this.#tree, node: root.node }, this.#signal);
    const entries = await this.#entries(root.node);
    const hasSystem = entries.some(([name]) => name === 'etc');
    const isTop = root.names.length === 0;
    if (isTop && !hasSystem && (isBoot || entries.some(([name]) => OF_BOOT.test(name)))) {
      return this.#folder(root.node, '', { root, files, isBoot: true }, 0);
    }
    for (const path of OF_SYSTEM) {
      if (!hasSystem && path !== 'boot') continue;
      const real = await files.realPath(`/${path}`);
      // what leads elsewhere, or cannot be read, may hold anything
      if (real === null && entries.some(([name]) => name === path)) throw tooMuch(`/${path} that leads elsewhere`);
      const folder = real === null ? null : await files.find(real);
      if (folder?.node.kind !== 'folder' || real === '/') continue;
      await this.#folder(folder.node, real!, { root, files, isBoot: path === 'boot' || path === 'efi' }, 0);
    }
  }

  /** @param path in the root, '' for the root itself */
  async #folder(folder: FileNode, path: string, place: Place, depth: number): Promise<void> {
    if (this.#seen.has(folder.id) || depth > MAX_DEPTH) return;
    this.#seen.add(folder.id);
    for (const [name, node] of await this.#entries(folder)) {
      const own = `${path}/${name}`;
      if (node.kind === 'folder') await this.#folder(node, own, place, depth + 1);
      else if (node.kind === 'file') this.#file(own, node, place);
      else if (node.kind === 'link' && (place.isBoot || SETTINGS.test(name))) await this.#link(own, name, place, depth);
    }
  }

  async #link(path: string, name: string, place: Place, depth: number): Promise<void> {
    const real = await place.files.realPath(path);
    const target = real === null ? null : await place.files.find(real);
    if (!target && TABLES.test(name)) throw tooMuch(`${path} that leads elsewhere`);
    if (!target || real === '/') return;
    if (target.node.kind === 'file') this.#file(real!, target.node, place);
    if (target.node.kind === 'folder' && place.isBoot) await this.#folder(target.node, real!, place, depth + 1);
  }

  #file(path: string, node: FileNode, { root }: Place): void {
    const names = [...root.names, ...path.split('/').filter(Boolean)];
    const key = `/${names.join('/')}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const name = names.at(-1)!;
    const kind = kindOf(name);
    if (kind === 'plain' && node.lengthBytes <= MAX_SEARCHED_BYTES) this.#bytes += node.lengthBytes;
    if (this.#bytes > MAX_BYTES) throw tooMuch(`more than ${MAX_BYTES} bytes to look through`);
    this.files.push({ names, node, kind, isSettings: SETTINGS.test(name), isInSnapshot: root.isSnapshot });
  }

  async #entries(folder: FileNode): Promise<[name: string, node: FileNode][]> {
    const found: [string, FileNode][] = [];
    for await (const batch of this.#tree.list(folder, this.#signal)) {
      this.#count += batch.length;
      if (this.#count > MAX_FILES) throw tooMuch(`more than ${MAX_FILES} files`);
      for (const { name, node } of batch) if (!/[/\0]/.test(name)) found.push([name, node]);
    }
    return found;
  }
}

function kindOf(name: string): BootFileKind {
  if (/\.efi$/i.test(name)) return 'efi-program';
  if (SETTINGS.test(name)) return 'plain';
  if (INITRAMFS.test(name)) return 'initramfs';
  return KERNEL.test(name) ? 'other' : 'plain';
}

const tooMuch = (feature: string) => new EngineError('FORMAT_UNSUPPORTED', { feature });
