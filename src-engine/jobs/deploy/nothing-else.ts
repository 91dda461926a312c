/**
 * The change list: what of a target's files is other than the template's, found by a walk over both by own readers. It has to be what
 * was to be changed, and nothing else.
 */
import { compareTrees } from '../../browsing/compare-trees.ts';
import { haveSameBytes, lieAtSamePlaces } from '../../browsing/same-content.ts';
import type { ChangeReason, GuestChangeView, InsideChanges } from '../../contract/deploy.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { FileNode, FileTree } from '../../filesystems/file-tree.port.ts';
import { openVolumes, type OpenedVolume } from '../../inspection/disk-inspection.ts';
import { templateSource } from '../../versions/template-source.ts';
import { changeViews } from '../../writers/change-views.ts';
import type { VolumeChanges, VolumeStep } from '../../writers/steps.port.ts';
import type { Deployment } from './deployment.ts';
import { targetView } from './target-view.ts';

const MAX_LISTED = 500;
const MAX_LISTED_CHARACTERS = 128 * 1024;

/**
 * A file at the same places with the same dates has the template's bytes: they were read back when they were written, and the check of the
 * file system found no block that belongs to two files. All others are read.
 * @throws EngineError `GUEST_DIFFERS` for what differs and was not to be changed
 */
export async function nothingElseChanged(
  deployment: Deployment,
  changes: readonly VolumeChanges[],
  signal: AbortSignal,
): Promise<InsideChanges> {
  const { parts, manifest, json } = deployment;
  const template = templateSource(parts.index, manifest, json);
  const list = new ChangeList();
  try {
    const [before, after] = [await openVolumes(template), await openVolumes(targetView(deployment))];
    for (const volume of changes) {
      const old = await treeOf(before, volume.ref);
      const now = await treeOf(after, volume.ref);
      await list.add(volume, old, now, signal);
    }
  } finally {
    await template.close();
  }
  return list.result;
}

async function treeOf(volumes: readonly OpenedVolume[], ref: string): Promise<FileTree> {
  const volume = volumes.find((one) => one.ref === ref);
  if (!volume?.fileSystem?.browse) throw volume?.refusal ?? new EngineError('NO_FILE_SYSTEM', { name: ref });
  return volume.fileSystem.browse();
}

class ChangeList {
  readonly result: InsideChanges = { changes: [], identifiers: [], changedFiles: 0, sameFiles: 0, sameBytes: 0 };
  #characters = 0;

  async add(volume: VolumeChanges, before: FileTree, after: FileTree, signal: AbortSignal): Promise<void> {
    const expected = new Expected(volume, await changeViews({ ...volume, tree: before }));
    await compareTrees(
      before,
      after,
      {
        isSameContent: async (a, b) =>
          (await lieAtSamePlaces([before, a], [after, b], signal)) ||
          (await haveSameBytes([before, a], [after, b], signal)),
        isSameFolder: (a, b) => a.mode === b.mode && a.ownerId === b.ownerId && a.groupId === b.groupId,
        count: (kind, node) => this.#count(kind, node),
        tell: ({ path, kind, change }) => {
          const view = expected.viewOf(path, change, kind === 'folder');
          if (!view) throw new EngineError('GUEST_DIFFERS', { path, reason: 'changed' });
          this.#list(view);
        },
      },
      signal,
    );
  }

  #count(kind: 'added' | 'changed' | 'removed' | 'unchanged', { lengthBytes }: FileNode): void {
    if (kind !== 'unchanged') return void this.result.changedFiles++;
    this.result.sameFiles++;
    this.result.sameBytes += lengthBytes;
  }

  #list(view: GuestChangeView): void {
    if (this.result.changes.length >= MAX_LISTED) return;
    const characters = (view.before?.length ?? 0) + (view.after?.length ?? 0);
    const isShown = this.#characters + characters <= MAX_LISTED_CHARACTERS;
    if (isShown) this.#characters += characters;
    this.result.changes.push(isShown ? view : { ...view, before: null, after: null });
  }
}

/** What the steps of a volume were to change. */
class Expected {
  readonly #ref: string;
  readonly #foldsCase: boolean;
  readonly #byPath = new Map<string, { step: VolumeStep; view: GuestChangeView | null }>();

  constructor({ ref, kind, steps }: VolumeChanges, views: readonly (GuestChangeView | null)[]) {
    this.#ref = ref;
    this.#foldsCase = /^(?:fat|exfat|ntfs)/.test(kind);
    steps.forEach((step, i) => this.#byPath.set(this.#key(`/${step.names.join('/')}`), { step, view: views[i] }));
  }

  /** @param path in the volume @returns null where nothing was to change there */
  viewOf(path: string, change: 'added' | 'changed' | 'removed', isFolder: boolean): GuestChangeView | null {
    const kind = change === 'removed' ? 'remove' : isFolder ? 'folder' : 'write';
    const own = this.#byPath.get(this.#key(path));
    if (own) return own.view ?? this.#view(own.step, own.step.do === 'make-folder' ? own.step.path : path, kind);
    // what lies in a folder that was cleared; and folders that were made on the way
    for (let end = path.lastIndexOf('/'); end > 0 && change === 'removed'; end = path.lastIndexOf('/', end - 1)) {
      const above = this.#byPath.get(this.#key(path.slice(0, end)));
      if (above?.step.do === 'clear-folder') {
        return this.#view(above.step, `${above.step.change.path}${path.slice(end)}`, kind);
      }
    }
    return null;
  }

  #view({ change }: VolumeStep, path: string, kind: GuestChangeView['kind']): GuestChangeView {
    const reason: ChangeReason = change.reason;
    return { reason, kind, volume: this.#ref, path, before: null, after: null };
  }

  #key(path: string): string {
    return this.#foldsCase ? path.toLowerCase() : path;
  }
}
