import { ManifestReader } from '../store/manifest-reader.ts';
import type { StoredParts } from './stored-parts.ts';
import { readManifestJson, type ManifestJson } from './manifest-json.ts';
import type { FoundDisk } from './found-disk.ts';
import { naming } from './naming.ts';

/** Opens the manifest of a version's disk for the time of some work. What goes wrong in it, or in packs, names the template. */
export async function withManifest<T>(
  parts: StoredParts,
  found: FoundDisk,
  work: (manifest: ManifestReader, json: ManifestJson) => Promise<T>,
): Promise<T> {
  return naming(found.template.name, async () => {
    const manifest = await ManifestReader.open(parts.layout, found.manifest);
    try {
      return await work(manifest, readManifestJson(manifest, found.manifest));
    } finally {
      await manifest.close();
    }
  });
}
