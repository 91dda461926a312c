/** A version of a template, opened to look inside: its volumes, and the trees of those that were asked for. */
import type { FileVolumeView } from '../contract/files.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import type { FileTree } from '../filesystems/file-tree.port.ts';
import type { ManifestReader } from '../store/manifest-reader.ts';
import { openVolumes, type OpenedVolume } from '../inspection/disk-inspection.ts';
import type { StoredParts } from '../versions/stored-parts.ts';
import type { FoundDisk } from '../versions/found-disk.ts';
import type { ManifestJson } from '../versions/manifest-json.ts';
import { naming } from '../versions/naming.ts';
import { openStoredDisk } from '../versions/open-stored-disk.ts';

export interface OpenTemplate {
  readonly found: FoundDisk;
  readonly manifest: ManifestReader;
  readonly json: ManifestJson;
  readonly volumes: readonly OpenedVolume[];
  /** @throws EngineError `NOT_FOUND` for a volume that there is not; `NO_FILE_SYSTEM`, `FORMAT_UNSUPPORTED`, `FORMAT_INVALID` */
  tree(ref: string): Promise<FileTree>;
  close(): Promise<void>;
}

/**
 * Only tables and superblocks are read: a template of any size opens at once. Packs that it needs stay where they are until it
 * is closed.
 * @throws EngineError `MANIFEST_DAMAGED`, `PACK_DAMAGED`, `CHUNK_MISSING` naming the template
 */
export async function openTemplate(parts: StoredParts, found: FoundDisk): Promise<OpenTemplate> {
  const stored = await openStoredDisk(parts, found);
  try {
    return await naming(found.template.name, async () => {
      // trees keep what they read again
      const volumes = await openVolumes(stored.source);
      const trees = new Map<string, Promise<FileTree>>();
      return {
        found,
        manifest: stored.manifest,
        json: stored.json,
        volumes,
        tree(ref) {
          let tree = trees.get(ref);
          if (!tree) {
            tree = naming(found.template.name, () => openTree(volumes, ref));
            tree.catch(() => trees.delete(ref));
            trees.set(ref, tree);
          }
          return tree;
        },
        close: () => stored.close(),
      };
    });
  } catch (error) {
    await stored.close();
    throw error;
  }
}

async function openTree(volumes: readonly OpenedVolume[], ref: string): Promise<FileTree> {
  const volume = volumes.find((candidate) => candidate.ref === ref);
  if (!volume) throw new EngineError('NOT_FOUND', { path: ref });
  const refusal = refusalOf(volume);
  if (refusal) throw refusal;
  return volume.fileSystem!.browse!();
}

/** Why a volume cannot be looked into; null: it can. */
function refusalOf({ fileSystem, refusal, recognised }: OpenedVolume): EngineError | null {
  if (refusal) return refusal;
  if (fileSystem?.browse) return null;
  return new EngineError('NO_FILE_SYSTEM', { name: fileSystem?.kind ?? recognised ?? '' });
}

export function volumeView(volume: OpenedVolume, usedBytes: number): FileVolumeView {
  return {
    ref: volume.ref,
    label: volume.label,
    kind: volume.fileSystem?.kind ?? null,
    lengthBytes: volume.source.lengthBytes,
    usedBytes,
    refusal: refusalOf(volume)?.toView() ?? null,
  };
}
