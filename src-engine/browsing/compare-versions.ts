/** What differs between the files of two versions: both trees are walked side by side, folder by folder. */
import type { Change, Comparison } from '../contract/files.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import type { FileNode } from '../filesystems/file-tree.port.ts';
import { isDamage } from './damage.ts';
import type { OpenTemplate } from './open-template.ts';
import { ContentComparison, type Side } from './same-content.ts';
import { VisitedFolders } from './visited-folders.ts';

const MAX_CHANGES = 10_000;
const MAX_DEPTH = 512;
/** More names in one folder are not compared. */
const MAX_NAMES = 1_000_000;

/** @throws EngineError `READ_FAILED`, `PACK_DAMAGED` and the like; of volumes that cannot be looked at to the end, nothing is said */
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
    if (isDamage(error)) return null;
    throw error;
  }
}

const nothing = () => ({ files: 0, lengthBytes: 0 });

class Differences {
  result: Comparison = {
    added: nothing(),
    changed: nothing(),
    removed: nothing(),
    unchanged: nothing(),
    changes: [],
    isCut: false,
    notCompared: [],
  };
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Adds what differs in one volume, or, where that cannot be told, its name. */
  async volume(ref: string, before: Side, after: Side): Promise<void> {
    const others = structuredClone(this.result);
    try {
      const walk = new VolumeWalk(ref, before, after, this.result, this.#signal);
      await walk.folders(before.tree.root, after.tree.root, '', 0);
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.result = { ...others, notCompared: [...others.notCompared, ref] };
    }
  }
}

class VolumeWalk {
  readonly #ref: string;
  readonly #before: Side;
  readonly #after: Side;
  readonly #result: Comparison;
  readonly #signal: AbortSignal;
  readonly #content: ContentComparison;
  readonly #visited = new Map<Side, VisitedFolders>();

  constructor(ref: string, before: Side, after: Side, result: Comparison, signal: AbortSignal) {
    this.#ref = ref;
    this.#before = before;
    this.#after = after;
    this.#result = result;
    this.#signal = signal;
    this.#content = new ContentComparison(before, after, signal);
    for (const side of [before, after]) this.#visited.set(side, new VisitedFolders());
  }

  /** @throws EngineError `FORMAT_INVALID` for a tree that goes round or cannot be read */
  async folders(before: FileNode, after: FileNode, path: string, depth: number): Promise<void> {
    const olds = await this.#entries(this.#before, before, depth);
    const news = await this.#entries(this.#after, after, depth);
    const names = [...new Set([...olds.keys(), ...news.keys()])].sort();
    for (const name of names) {
      this.#signal.throwIfAborted();
      const [old, now] = [olds.get(name), news.get(name)];
      const own = `${path}/${name}`;
      if (old && now && old.kind === now.kind) {
        if (old.kind === 'folder') await this.folders(old, now, own, depth + 1);
        else await this.#files(old, now, own);
        continue;
      }
      if (old) await this.#only('removed', old, own, depth + 1);
      if (now) await this.#only('added', now, own, depth + 1);
    }
  }

  async #entries(side: Side, folder: FileNode, depth: number): Promise<Map<string, FileNode>> {
    if (depth > MAX_DEPTH || !this.#visited.get(side)!.isNew(folder)) {
      throw new EngineError('FORMAT_INVALID', { field: 'folder', value: folder.id });
    }
    const entries = new Map<string, FileNode>();
    for await (const batch of side.tree.list(folder, this.#signal)) {
      for (const { name, node } of batch) entries.set(name, node);
      if (entries.size > MAX_NAMES)
        throw new EngineError('FORMAT_UNSUPPORTED', { feature: `more than ${MAX_NAMES} names` });
    }
    return entries;
  }

  async #files(before: FileNode, after: FileNode, path: string): Promise<void> {
    const isSame =
      before.lengthBytes === after.lengthBytes &&
      before.mode === after.mode &&
      before.ownerId === after.ownerId &&
      before.groupId === after.groupId &&
      (before.kind !== 'link' || (await linkOf(this.#before, before)) === (await linkOf(this.#after, after))) &&
      (before.kind !== 'file' || (await this.#content.isSame(before, after)));
    const total = isSame ? this.#result.unchanged : this.#result.changed;
    total.files++;
    total.lengthBytes += after.lengthBytes;
    if (isSame) return;
    const lengths = { beforeBytes: before.lengthBytes, afterBytes: after.lengthBytes };
    this.#tell({ volume: this.#ref, path, kind: after.kind, change: 'changed', ...lengths });
  }

  /** A file or a folder with all that is in it. */
  async #only(change: 'added' | 'removed', node: FileNode, path: string, depth: number): Promise<void> {
    const bytes = node.kind === 'folder' ? null : node.lengthBytes;
    const [beforeBytes, afterBytes] = change === 'added' ? [null, bytes] : [bytes, null];
    this.#tell({ volume: this.#ref, path, kind: node.kind, change, beforeBytes, afterBytes });
    if (node.kind !== 'folder') {
      this.#result[change].files++;
      this.#result[change].lengthBytes += node.lengthBytes;
      return;
    }
    const entries = await this.#entries(change === 'added' ? this.#after : this.#before, node, depth);
    for (const name of [...entries.keys()].sort()) {
      this.#signal.throwIfAborted();
      await this.#only(change, entries.get(name)!, `${path}/${name}`, depth + 1);
    }
  }

  #tell(change: Change): void {
    if (this.#result.changes.length < MAX_CHANGES) this.#result.changes.push(change);
    else this.#result.isCut = true;
  }
}

async function linkOf({ tree }: Side, link: FileNode): Promise<string | null> {
  try {
    return await tree.readLink(link);
  } catch (error) {
    if (isDamage(error)) return null;
    throw error;
  }
}
