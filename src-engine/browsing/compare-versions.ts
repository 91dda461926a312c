/** What differs between the files of two versions: both trees are walked side by side, folder by folder. */
import type { Comparison } from '../contract/files.contract.ts';
import { compareTrees, type TreeDifferences } from './compare-trees.ts';
import { isDamage } from './damage.ts';
import type { OpenTemplate } from './open-template.ts';
import { ContentComparison, type Side } from './same-content.ts';

const MAX_CHANGES = 10_000;

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
      const content = new ContentComparison(before, after, this.#signal);
      const told: TreeDifferences = {
        isSameContent: (old, now) => content.isSame(old, now),
        isSameFolder: () => true,
        count: (kind, node) => {
          const total = this.result[kind];
          total.files++;
          total.lengthBytes += node.lengthBytes;
        },
        tell: (change) => {
          if (this.result.changes.length < MAX_CHANGES) this.result.changes.push({ volume: ref, ...change });
          else this.result.isCut = true;
        },
      };
      await compareTrees(before.tree, after.tree, told, this.#signal);
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.result = { ...others, notCompared: [...others.notCompared, ref] };
    }
  }
}
