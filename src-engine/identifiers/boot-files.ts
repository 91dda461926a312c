/**
 * The files of a volume in which identifiers of a disk may be named: settings in /etc, all that boot loaders read, what they start. A walk
 * over trees that follows no link, but for those of settings with well-known names.
 */
import { EngineError } from '../core/engine-error.ts';
import type { FileNode, FileTree } from '../filesystems/file-tree.port.ts';
import { GuestFiles } from '../guest/guest-files.ts';
import type { GuestVolume } from '../guest/guest-input.ts';
import type { Names } from '../writers/steps.port.ts';

/** A volume with more in these places is not looked through. */
const MAX_FILES = 100_000;
const MAX_DEPTH = 32;
const MAX_SNAPSHOTS = 500;
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
  /^(?:fstab|crypttab|mdadm\.conf|grub|grubenv|menu\.lst|cmdline|resume|dracut\.conf|(?:.*\.)?(?:cfg|conf))$/i;
const INITRAMFS = /initr(?:d|amfs)|\.cpio(?:\.\w+)?$/i;
const KERNEL = /^(?:vmlinu[xz]|bzimage|kernel|xen|memtest|system\.map|config-|symvers|linux-)/i;
/** On a volume of its own at /boot, or an EFI system partition. */
const OF_BOOT = /^(?:grub2?|loader|efi|extlinux|syslinux|isolinux|vmlinu[xz].*|initr(?:d|amfs).*)$/i;
/** Below the root of a system. `boot` and `efi` are folders on which a volume may be mounted, which then has nothing here. */
const OF_SYSTEM = [
  ['etc'],
  ['boot'],
  ['efi'],
  ['usr', 'lib', 'kernel'],
  ['usr', 'lib', 'dracut', 'dracut.conf.d'],
  ['usr', 'lib', 'bootc', 'kargs.d'],
];
/** Settings that may be links to where they are. */
const LINKED = ['etc/fstab', 'etc/crypttab', 'etc/mdadm.conf', 'etc/default/grub'];

export const isSearched = ({ kind, tree }: GuestVolume): boolean =>
  tree !== null && kind !== null && /^(?:ext[234]|xfs|btrfs|fat)/.test(kind);

/**
 * @param volume one that {@link isSearched}
 * @throws EngineError `FORMAT_INVALID` and `FORMAT_UNSUPPORTED` for damage, or more files than are looked at; `READ_FAILED`, `ABORTED`
 */
export async function bootFilesOf(volume: GuestVolume, signal: AbortSignal): Promise<BootFile[]> {
  const walk = new Walk(volume.tree!, signal);
  for (const root of await rootsOf(volume, walk, signal)) await walk.system(root);
  return walk.files;
}

interface SystemRoot {
  readonly node: FileNode;
  readonly names: Names;
  readonly isSnapshot: boolean;
}

/** The volume itself; of btrfs, each subvolume that may be a system's root, and snapshots of such. */
async function rootsOf({ kind, tree }: GuestVolume, walk: Walk, signal: AbortSignal): Promise<SystemRoot[]> {
  const top = { node: tree!.root, names: [], isSnapshot: false };
  if (kind !== 'btrfs') return [top];
  const roots: SystemRoot[] = [top];
  for (const [name, node] of await walk.foldersIn(top.node)) {
    roots.push({ node, names: [name], isSnapshot: false });
  }
  for (const holder of [...roots]) {
    for (const [folder, inner] of SNAPSHOTS) {
      const snapshots = await tree!.find(holder.node, folder);
      if (snapshots?.kind !== 'folder') continue;
      for (const [name, node] of await walk.foldersIn(snapshots)) {
        signal.throwIfAborted();
        const snapshot = await tree!.find(node, inner);
        if (snapshot?.kind !== 'folder') continue;
        const names = [...holder.names, folder, name, inner];
        // that of a system that was installed into one: it is no snapshot
        const isSnapshot = !(folder === '.snapshots' && name === '1');
        roots.push({ node: snapshot, names, isSnapshot });
        if (roots.length > MAX_SNAPSHOTS) throw tooMany();
      }
    }
  }
  return roots;
}

/** snapper's; and those of timeshift, a level deeper. */
const SNAPSHOTS = [
  ['.snapshots', 'snapshot'],
  ['snapshots', '@'],
];

class Walk {
  readonly files: BootFile[] = [];
  readonly #tree: FileTree;
  readonly #signal: AbortSignal;
  readonly #seen = new Set<string>();
  #count = 0;

  constructor(tree: FileTree, signal: AbortSignal) {
    this.#tree = tree;
    this.#signal = signal;
  }

  async system(root: SystemRoot): Promise<void> {
    const { node, names, isSnapshot } = root;
    const entries = await this.#entries(node);
    const hasSystem = entries.some(([name, child]) => name === 'etc' && child.kind === 'folder');
    if (!hasSystem && names.length === 0 && entries.some(([name]) => OF_BOOT.test(name))) {
      return this.#folder(node, names, isSnapshot, 0);
    }
    if (!hasSystem) return;
    for (const path of OF_SYSTEM) {
      const folder = await this.#at(node, path);
      if (folder?.kind === 'folder') await this.#folder(folder, [...names, ...path], isSnapshot, path.length);
    }
    const own = new GuestFiles({ tree: this.#tree, node }, this.#signal);
    for (const path of LINKED) {
      if ((await own.linkTarget(`/${path}`)) === null) continue;
      const real = await own.realPath(`/${path}`);
      const place = real === null ? null : await own.find(real);
      if (place?.node.kind === 'file')
        this.#file([...names, ...real!.split('/').filter(Boolean)], place.node, isSnapshot);
    }
  }

  async foldersIn(folder: FileNode): Promise<[name: string, node: FileNode][]> {
    return (await this.#entries(folder)).filter(([, node]) => node.kind === 'folder');
  }

  async #folder(folder: FileNode, names: Names, isSnapshot: boolean, depth: number): Promise<void> {
    if (this.#seen.has(folder.id) || depth > MAX_DEPTH) return;
    this.#seen.add(folder.id);
    for (const [name, node] of await this.#entries(folder)) {
      const own = [...names, name];
      if (node.kind === 'folder') await this.#folder(node, own, isSnapshot, depth + 1);
      else if (node.kind === 'file') this.#file(own, node, isSnapshot);
    }
  }

  #file(names: Names, node: FileNode, isInSnapshot: boolean): void {
    const key = names.join('/');
    if (this.#seen.has(`/${key}`)) return;
    this.#seen.add(`/${key}`);
    const name = names.at(-1)!;
    this.files.push({ names, node, kind: kindOf(name), isSettings: SETTINGS.test(name), isInSnapshot });
  }

  async #entries(folder: FileNode): Promise<[name: string, node: FileNode][]> {
    const found: [string, FileNode][] = [];
    for await (const batch of this.#tree.list(folder, this.#signal)) {
      this.#count += batch.length;
      if (this.#count > MAX_FILES) throw tooMany();
      for (const { name, node } of batch) if (!/[/\0]/.test(name)) found.push([name, node]);
    }
    return found;
  }

  async #at(node: FileNode, path: readonly string[]): Promise<FileNode | null> {
    let at: FileNode | null = node;
    for (const name of path) at = at?.kind === 'folder' ? await this.#tree.find(at, name) : null;
    return at;
  }
}

function kindOf(name: string): BootFileKind {
  if (/\.efi$/i.test(name)) return 'efi-program';
  if (SETTINGS.test(name)) return 'plain';
  if (INITRAMFS.test(name)) return 'initramfs';
  return KERNEL.test(name) ? 'other' : 'plain';
}

const tooMany = () => new EngineError('FORMAT_UNSUPPORTED', { feature: `more than ${MAX_FILES} files` });
