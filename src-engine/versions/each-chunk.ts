/** Tells which chunks a stored version refers to. */
import { isZeroHash } from '../store/manifest-format.ts';
import { ManifestReader } from '../store/manifest-reader.ts';
import { HASH_BYTES } from '../store/pack-format.ts';
import { readManifestJson } from './manifest-json.ts';
import type { StoredParts } from './stored-parts.ts';

/**
 * @param name the manifest's
 * @param visit is given the names of the chunks of each window, without those of zeros
 * @throws EngineError `MANIFEST_DAMAGED`, `READ_FAILED`; `CATALOG_TOO_NEW`: a later format may refer to more than to what is in its
 *   windows
 */
export async function eachChunk(
  { layout }: StoredParts,
  name: string,
  signal: AbortSignal,
  visit: (hashes: Uint8Array[]) => void,
): Promise<void> {
  const manifest = await ManifestReader.open(layout, name);
  try {
    readManifestJson(manifest, name);
    for await (const { lengths, hashes } of manifest.records()) {
      signal.throwIfAborted();
      visit(
        Array.from(lengths, (_, i) => i)
          .filter((i) => !isZeroHash(hashes, i))
          .map((i) => hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)),
      );
    }
  } finally {
    await manifest.close();
  }
}
