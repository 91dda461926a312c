/** A disk of a stored version, open to be read at random. Packs that it needs stay where they are until it is closed. */
import type { BlockSource } from '../disk/block-source.port.ts';
import { lockReader } from '../store/locks.ts';
import { ManifestReader } from '../store/manifest-reader.ts';
import type { FoundDisk } from './found-disk.ts';
import { readManifestJson, type ManifestJson } from './manifest-json.ts';
import { naming } from './naming.ts';
import type { StoredParts } from './stored-parts.ts';
import { templateSource } from './template-source.ts';

export interface StoredDisk {
  readonly found: FoundDisk;
  readonly manifest: ManifestReader;
  readonly json: ManifestJson;
  readonly source: BlockSource;
  close(): Promise<void>;
}

/**
 * Reads no more than the description: a disk of any size opens at once.
 * @param isServed it is read at random, for long: what is unpacked is kept
 * @throws EngineError `MANIFEST_DAMAGED`, `CATALOG_BUSY`, `READ_FAILED` naming the template
 */
export async function openStoredDisk(parts: StoredParts, found: FoundDisk, isServed = false): Promise<StoredDisk> {
  const lock = lockReader(parts.layout);
  // another process may have pruned since
  parts.index.forgetFrames();
  let manifest: ManifestReader | null = null;
  try {
    return await naming(found.template.name, async () => {
      const reader = (manifest = await ManifestReader.open(parts.layout, found.manifest));
      const json = readManifestJson(reader, found.manifest);
      const kept = isServed ? parts.index.kept : null;
      const source = templateSource(parts.index, reader, json, await kept?.borrow());
      return {
        found,
        manifest: reader,
        json,
        source,
        async close() {
          await source.close();
          kept?.giveBack();
          await reader.close();
          lock.release();
        },
      };
    });
  } catch (error) {
    await (manifest as ManifestReader | null)?.close();
    lock.release();
    throw error;
  }
}
