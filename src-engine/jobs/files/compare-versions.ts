/** What differs between the files of two versions: both trees are walked side by side, folder by folder. */
import type { Change, Comparison } from '../../contract/files.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { FileNode, FileTree, FolderEntry } from '../../filesystems/file-tree.port.ts';
import type { OpenTemplate } from './open-template.ts';
import { ContentComparison, type Side } from './same-content.ts';

const MAX_CHANGES = 10_000;
const MAX_DEPTH = 512;
/** More names in one folder are not compared. */
const MAX_NAMES = 1_000_000;

/** @throws EngineError `FORMAT_INVALID` for a tree that goes round; `READ_FAILED` and the like */
export async function compareVersions(
  before: OpenTemplate,
  after: OpenTemplate,
  signal: AbortSignal,
): Promise<Comparison> {
  const comparison = new Differences(signal);
  const refs = new Set([...before.volumes, ...after.volumes].map(({ ref }) => ref));
  for (const ref of refs) {
    const sides = [await sideOf(before, ref), await sideOf(after, ref)];
    const [a, b] = sides;
    if (!a || !b || a.volume.fileSystem?.kind !== b.volume.fileSystem?.kind) {
      // what has no files at all is not missed
      if (a || b || [before, after].some(({ volumes }) => volumes.some((v) => v.ref === ref && v.refusal))) {
        comparison.result.notCompared.push(ref);
      }
      continue;
    }
    await comparison.volume(ref, a, b);
  }
  return comparison.result;
}

/** @returns null where there is no such volume, or nothing in it can be looked at */
async function sideOf(template: OpenTemplate, ref: string): Promise<Side | null> {
  const volume = template.volumes.find((candidate) => candidate.ref === ref);
  if (!volume?.fileSystem?.browse) return null;
  try {
    return { template, volume, tree: await template.tree(ref) };
  } catch (error) {
    if (error instanceof EngineError && ['FORMAT_INVALID', 'FORMAT_UNSUPPORTED'].includes(error.code)) return null;
    throw error;
  }
}

const nothing = () => ({ files: 0, lengthBytes: 0 });

class Differences {
  readonly result: Comparison = {
    added: nothing(),
    changed: nothing(),
    removed: nothing(),
    unchanged: nothing(),
    changes: [],
    isCut: false,
    notCompared: [],
  };
  readonly #signal: AbortSignal;
  #ref = '';
  #content!: ContentComparison;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  async volume(ref: string, before: Side, after: Side): Promise<void> {
    this.#ref = ref;
    this.#content = new ContentComparison(before, after, this.#signal);
    await this.#folders(before.tree, before.tree.root, after.tree, after.tree.root, '', 0);
  }

  async #folders(
    a: FileTree,
    before: FileNode,
    b: FileTree,
    after: FileNode,
    path: string,
    depth: number,
  ): Promise<void> {
    checkDepth(depth);
    const olds = await this.#entries(a, before);
    const news = await this.#entries(b, after);
    const names = [...new Set([...olds.keys(), ...news.keys()])].sort();
    for (const name of names) {
      this.#signal.throwIfAborted();
      const [old, now] = [olds.get(name), news.get(name)];
      const own = `${path}/${name}`;
      if (old && now && old.kind === now.kind) {
        if (old.kind === 'folder') await this.#folders(a, old, b, now, own, depth + 1);
        else await this.#files(a, old, b, now, own);
        continue;
      }
      if (old) await this.#only('removed', a, old, own, depth);
      if (now) await this.#only('added', b, now, own, depth);
    }
  }

  async #entries(tree: FileTree, folder: FileNode): Promise<Map<string, FileNode>> {
    const entries = new Map<string, FileNode>();
    for await (const batch of tree.list(folder, this.#signal)) {
      for (const { name, node } of batch) entries.set(name, node);
      if (entries.size > MAX_NAMES)
        throw new EngineError('FORMAT_INVALID', { field: 'names', value: String(entries.size) });
    }
    return entries;
  }

  async #files(a: FileTree, before: FileNode, b: FileTree, after: FileNode, path: string): Promise<void> {
    const isSame =
      before.lengthBytes === after.lengthBytes &&
      before.mode === after.mode &&
      before.ownerId === after.ownerId &&
      before.groupId === after.groupId &&
      (before.kind !== 'link' || (await linkOf(a, before)) === (await linkOf(b, after))) &&
      (before.kind !== 'file' || (await this.#content.isSame(before, after)));
    const total = isSame ? this.result.unchanged : this.result.changed;
    total.files++;
    total.lengthBytes += after.lengthBytes;
    if (isSame) return;
    const lengths = { beforeBytes: before.lengthBytes, afterBytes: after.lengthBytes };
    this.#tell({ volume: this.#ref, path, kind: after.kind, change: 'changed', ...lengths });
  }

  /** A file or a folder with all that is in it. */
  async #only(change: 'added' | 'removed', tree: FileTree, node: FileNode, path: string, depth: number): Promise<void> {
    checkDepth(depth);
    const bytes = node.kind === 'folder' ? null : node.lengthBytes;
    const lengths =
      change === 'added' ? { beforeBytes: null, afterBytes: bytes } : { beforeBytes: bytes, afterBytes: null };
    this.#tell({ volume: this.#ref, path, kind: node.kind, change, ...lengths });
    if (node.kind !== 'folder') {
      this.result[change].files++;
      this.result[change].lengthBytes += node.lengthBytes;
      return;
    }
    const entries: FolderEntry[] = [...(await this.#entries(tree, node))].map(([name, inner]) => ({
      name,
      node: inner,
    }));
    for (const { name, node: inner } of entries.sort((x, y) => (x.name < y.name ? -1 : 1))) {
      this.#signal.throwIfAborted();
      await this.#only(change, tree, inner, `${path}/${name}`, depth + 1);
    }
  }

  #tell(change: Change): void {
    if (this.result.changes.length < MAX_CHANGES) this.result.changes.push(change);
    else this.result.isCut = true;
  }
}

function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) throw new EngineError('FORMAT_INVALID', { field: 'depth', value: String(depth) });
}

const linkOf = (tree: FileTree, link: FileNode) => tree.readLink(link).catch(() => null);
