/**
 * From paths as a guest sees them to steps in its volumes. Links are followed inside the guest alone, and before anything is written:
 * whoever carries out the steps follows none.
 */
import type { FileKind } from '../contract/files.contract.ts';
import type { FileNode, FileTree } from '../filesystems/file-tree.port.ts';
import type { FolderChange, GuestChange } from '../guest/changes.port.ts';
import { MAX_LINKS, MAX_NAMES, type GuestFiles, type GuestPlace } from '../guest/guest-files.ts';
import type { GuestVolume } from '../guest/guest-input.ts';
import { damageReason, impossible, unsafe } from './refusals.ts';
import type { ClearFolder, Names, Ownership, VolumeChanges, VolumeStep, Was } from './steps.port.ts';

const FILE_MODE = 0o644;
const FOLDER: Ownership = { mode: 0o755, userId: 0, groupId: 0 };
/** As the kernel has it: NAME_MAX, PATH_MAX. */
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4096;
const MAX_CHANGES = 100_000;
const FOLDS_CASE = /^(?:fat|exfat|ntfs)/;

/** What is at a name by now: what the volume has there, or what earlier steps have made of it. */
interface Entry {
  readonly kind: FileKind;
  /** null: an earlier step made it */
  readonly node: FileNode | null;
  readonly target?: string;
  readonly mode: number | null;
  readonly userId: number | null;
  readonly groupId: number | null;
}

interface Spot {
  readonly volume: Volume;
  readonly names: Names;
  readonly entry: Entry;
  /** as the guest sees it */
  readonly path: string;
}

/**
 * @param files with all volumes of the guest that are its
 * @returns volumes in the order in which they are first changed
 * @throws EngineError `GUEST_UNSAFE`, `GUEST_CHANGE_IMPOSSIBLE` (path, reason); nothing has been written then
 */
export async function resolveChanges(
  changes: readonly GuestChange[],
  files: GuestFiles,
  volumes: readonly GuestVolume[],
  signal: AbortSignal,
): Promise<VolumeChanges[]> {
  if (changes.length > MAX_CHANGES) throw impossible(changes[MAX_CHANGES].path, 'too-many');
  const resolver = new Resolver(files, volumes, signal);
  for (const change of changes) {
    signal.throwIfAborted();
    await resolver.add(change).catch((error) => {
      throw damageReason(error) ? unsafe(change.path, 'damaged') : error;
    });
  }
  return resolver.changed();
}

class Resolver {
  readonly #files: GuestFiles;
  readonly #signal: AbortSignal;
  readonly #volumes = new Map<FileTree, Volume>();

  constructor(files: GuestFiles, volumes: readonly GuestVolume[], signal: AbortSignal) {
    this.#files = files;
    this.#signal = signal;
    for (const { ref, kind, tree } of volumes) if (tree) this.#volumes.set(tree, new Volume(ref, kind ?? '', tree));
  }

  changed(): VolumeChanges[] {
    return [...this.#volumes.values()].filter(({ steps }) => steps.length > 0);
  }

  async add(change: GuestChange): Promise<void> {
    checkPath(change.path);
    const makesFolders = ['write', 'link', 'folder'].includes(change.kind);
    const parent = await this.#walk(change, parentOf(change.path), makesFolders);
    if (!parent) return;
    const name = change.path.split('/').filter(Boolean).at(-1)!;
    const found = await this.#child(parent, name);
    if (change.kind === 'write' || change.kind === 'link') return this.#put(change, parent, name, found);
    if (change.kind === 'folder') return this.#folder(change, parent, name, found);
    if (!found) return;
    if (change.kind === 'remove') return this.#remove(change, found);
    return this.#empty(change, found.entry.kind === 'link' ? await this.#walk(change, change.path, false) : found);
  }

  #put(change: GuestChange & { kind: 'write' | 'link' }, parent: Spot, name: string, found: Spot | null): void {
    if (found && !['file', 'link'].includes(found.entry.kind)) throw unsafe(change.path, found.entry.kind);
    const { volume } = parent;
    const names = found?.names ?? [...parent.names, name];
    const was: Was | null = found && { kind: found.entry.kind, node: found.entry.node };
    const before = found?.entry.kind === 'file' ? found.entry : null;
    if (change.kind === 'link') {
      if (FOLDS_CASE.test(volume.kind)) throw impossible(change.path, 'no-links');
      if (change.target === '' || change.target.includes('\0')) throw unsafe(change.path, 'name');
      volume.add({ do: 'put-link', names, change, was });
      volume.set(names, { kind: 'link', node: null, target: change.target, mode: 0o777, userId: 0, groupId: 0 });
      return;
    }
    const owner = {
      mode: change.mode ?? before?.mode ?? FILE_MODE,
      userId: change.owner?.userId ?? before?.userId ?? 0,
      groupId: change.owner?.groupId ?? before?.groupId ?? 0,
    };
    volume.add({ do: 'put-file', names, change, bytes: change.bytes, ...owner, was });
    volume.set(names, { kind: 'file', node: null, ...owner });
  }

  async #folder(change: FolderChange, parent: Spot, name: string, found: Spot | null): Promise<void> {
    const ownership = { mode: change.mode, ...change.owner };
    const there = found?.entry.kind === 'link' ? await this.#walk(change, change.path, false) : found;
    if (found && !there) throw unsafe(change.path, 'link-to-nothing');
    if (!there) return void this.#makeFolder(change, parent, name, ownership);
    const { volume, names, entry } = there;
    if (entry.kind !== 'folder') throw unsafe(change.path, entry.kind === 'file' ? 'file-in-the-way' : entry.kind);
    volume.add({ do: 'make-folder', names, change, ...ownership, isThere: true, path: change.path });
    volume.set(names, { ...entry, ...ownership });
  }

  #remove(change: GuestChange, { volume, names, entry, path }: Spot): void {
    if (entry.kind !== 'folder') {
      volume.add({ do: 'remove-file', names, change, was: entry });
      volume.set(names, null);
      return;
    }
    const isKept = this.#clear(change, { volume, names, entry, path }, false);
    if (!isKept) volume.set(names, null);
  }

  #empty(change: GuestChange, spot: Spot | null): void {
    if (!spot) return;
    const { volume, names, entry } = spot;
    if (entry.kind === 'folder') return void this.#clear(change, spot, true);
    if (entry.kind !== 'file') throw unsafe(change.path, entry.kind);
    if (entry.node?.lengthBytes === 0) return;
    const owner = { mode: entry.mode ?? FILE_MODE, userId: entry.userId ?? 0, groupId: entry.groupId ?? 0 };
    volume.add({ do: 'put-file', names, change, bytes: new Uint8Array(0), ...owner, was: entry });
    volume.set(names, { kind: 'file', node: null, ...owner });
  }

  /** What is mounted below is cleared too; mount points stay. @returns whether the folder itself stays */
  #clear(change: GuestChange, { volume, names, entry, path }: Spot, keepsItself: boolean): boolean {
    const mounts = this.#files.mountPoints().filter((point) => point !== '/' && `${point}/`.startsWith(`${path}/`));
    const below = mounts.filter((point) => point !== path);
    const staysItself = keepsItself || mounts.length > 0 || names.length === 0;
    if (!entry.node || volume.hasChangedBelow(names)) throw impossible(change.path, 'contradiction');
    const depth = path === '/' ? 0 : path.split('/').length - 1;
    const kept: Names[] = below.map((point) => [...names, ...point.split('/').slice(1 + depth)]);
    volume.add({
      do: 'clear-folder',
      names,
      change,
      node: entry.node,
      keepsItself: staysItself,
      kept: [...kept, ...ofRoot(names)],
    });
    volume.set(names, { ...entry, node: null });
    for (const point of kept) {
      for (let length = names.length + 1; length <= point.length; length++) {
        volume.set(point.slice(0, length), { kind: 'folder', node: null, mode: 0o755, userId: 0, groupId: 0 });
      }
    }
    for (const point of below) {
      const spot = this.#mounted(point);
      if (spot) this.#clearMounted(change, spot);
    }
    return staysItself;
  }

  /** One of several mounts below each other: those below it come by themselves. */
  #clearMounted(change: GuestChange, { volume, names, entry }: Spot): void {
    if (!entry.node || volume.hasChangedBelow(names)) return;
    volume.add({ do: 'clear-folder', names, change, node: entry.node, keepsItself: true, kept: ofRoot(names) });
  }

  #mounted(path: string): Spot | null {
    const place = this.#files.placeAt(path);
    return place ? this.#spotOf(place, path) : null;
  }

  #spotOf({ tree, node, names = [] }: GuestPlace, path: string): Spot {
    const volume = this.#volumes.get(tree);
    if (!volume) throw impossible(path || '/', 'elsewhere');
    return { volume, names, entry: volume.get(names) ?? entryOf(node), path };
  }

  /** @returns null where nothing is there and nothing is to be made */
  async #walk(change: GuestChange, path: string, makesFolders: boolean): Promise<Spot | null> {
    const root = this.#mounted('/')!;
    const todo = path.split('/').reverse();
    let stack: Spot[] = [];
    let links = 0;
    // names that a link has brought: those behind this many that are left of the path itself
    let ownNames = todo.length;
    for (let step = 0; todo.length > 0; step++) {
      if (Math.max(step, todo.length) > MAX_NAMES) throw unsafe(change.path, 'too-long');
      const isOfLink = todo.length > ownNames;
      const name = todo.pop()!;
      if (!isOfLink) ownNames = todo.length;
      if (name === '' || name === '.') continue;
      // above the root of a guest there is its root
      if (name === '..') {
        stack.pop();
        continue;
      }
      checkName(change.path, name);
      const here = stack.at(-1) ?? root;
      const child = await this.#child(here, name);
      if (!child) {
        if (!makesFolders) return null;
        if (isOfLink) throw unsafe(change.path, 'link-to-nothing');
        stack.push(this.#makeFolder(change, here, name));
        continue;
      }
      if (child.entry.kind === 'link') {
        if (++links > MAX_LINKS) throw unsafe(change.path, 'link-loop');
        const target = child.entry.target ?? (await child.volume.tree.readLink(child.entry.node!));
        if (target.startsWith('/')) stack = [];
        todo.push(...target.split('/').reverse());
        continue;
      }
      const isLast = todo.every((one) => one === '' || one === '.');
      const isInTheWay = child.entry.kind !== 'folder' && (!isLast || path !== change.path);
      if (isInTheWay) {
        // where something is no folder there is nothing in it to remove
        if (!makesFolders && child.entry.kind === 'file') return null;
        throw unsafe(change.path, child.entry.kind === 'file' ? 'file-in-the-way' : child.entry.kind);
      }
      stack.push(this.#mounted(child.path) ?? child);
    }
    return stack.at(-1) ?? root;
  }

  #makeFolder(change: GuestChange, parent: Spot, name: string, ownership: Ownership = FOLDER): Spot {
    const { volume } = parent;
    const names = [...parent.names, name];
    const entry: Entry = { kind: 'folder', node: null, ...ownership };
    const path = join(parent.path, name);
    volume.add({ do: 'make-folder', names, change, ...ownership, isThere: false, path });
    volume.set(names, entry);
    return { volume, names, entry, path };
  }

  async #child({ volume, names, entry, path }: Spot, name: string): Promise<Spot | null> {
    const own = [...names, name];
    const made = volume.get(own);
    if (made === null) return null;
    if (made) return { volume, names: own, entry: made, path: join(path, name) };
    const node = entry.node?.kind === 'folder' ? await volume.tree.find(entry.node, name) : null;
    if (!node) return null;
    const kept = FOLDS_CASE.test(volume.kind) ? await this.#nameOf(volume, entry.node!, node) : name;
    return { volume, names: [...names, kept ?? name], entry: entryOf(node), path: join(path, name) };
  }

  /** As it is written in a file system to which large and small letters are the same. */
  async #nameOf({ tree }: Volume, folder: FileNode, wanted: FileNode): Promise<string | null> {
    for await (const batch of tree.list(folder, this.#signal)) {
      const found = batch.find(({ node }) => node.id === wanted.id);
      if (found) return found.name;
    }
    return null;
  }
}

class Volume implements VolumeChanges {
  readonly ref: string;
  readonly kind: string;
  readonly tree: FileTree;
  readonly steps: VolumeStep[] = [];
  /** what steps have made of names so far; null: it is gone */
  readonly #made = new Map<string, Entry | null>();

  constructor(ref: string, kind: string, tree: FileTree) {
    this.ref = ref;
    this.kind = kind;
    this.tree = tree;
  }

  add(step: VolumeStep): void {
    this.steps.push(step);
  }

  get(names: Names): Entry | null | undefined {
    return this.#made.get(this.#key(names));
  }

  set(names: Names, entry: Entry | null): void {
    this.#made.set(this.#key(names), entry);
  }

  /** Whether steps have put anything into a folder that is about to be cleared, or cleared it. */
  hasChangedBelow(names: Names): boolean {
    const start = names.length === 0 ? '' : `${this.#key(names)}/`;
    const isCleared = (step: VolumeStep): step is ClearFolder => step.do === 'clear-folder';
    if (this.steps.some((step) => isCleared(step) && this.#key(step.names) === this.#key(names))) return true;
    return [...this.#made].some(([key, entry]) => entry !== null && key.startsWith(start) && key !== this.#key(names));
  }

  #key(names: Names): string {
    const key = names.join('/');
    return FOLDS_CASE.test(this.kind) ? key.toLowerCase() : key;
  }
}

const entryOf = (node: FileNode): Entry => ({
  kind: node.kind,
  node,
  mode: node.mode,
  userId: node.ownerId,
  groupId: node.groupId,
});

/** The ext family has it at its root, and e2fsck wants it there. */
const ofRoot = (names: Names): Names[] => (names.length === 0 ? [['lost+found']] : []);

const join = (path: string, name: string) => `${path === '/' ? '' : path}/${name}`;
const parentOf = (path: string) => path.split('/').filter(Boolean).slice(0, -1).join('/') || '/';

/** @throws EngineError `GUEST_UNSAFE` for what is no absolute path, leads up, or could be read as more than a name */
function checkPath(path: string): void {
  const names = path.split('/').filter(Boolean);
  if (!path.startsWith('/') || names.length === 0 || names.some((name) => name === '.' || name === '..')) {
    throw unsafe(path, 'path');
  }
  if (Buffer.byteLength(path) >= MAX_PATH_BYTES) throw unsafe(path, 'too-long');
  for (const name of names) checkName(path, name);
}

function checkName(path: string, name: string): void {
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw unsafe(path, 'too-long');
  if (/[\0-\x1f\x7f]/.test(name)) throw unsafe(path, 'name');
}
