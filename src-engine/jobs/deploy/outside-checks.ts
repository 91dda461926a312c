/** What lies outside of all tables, and was taken, on a target of another size. */
import type { PlaceView } from '../../contract/disk.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { signaturesOf } from '../../filesystems/signatures.ts';
import { WINDOW_BYTES } from '../../store/chunking.ts';
import type { ManifestReader } from '../../store/manifest-reader.ts';
import type { ManifestJson } from '../../versions/manifest-json.ts';
import { bytesOf, within, withoutExtents } from '../../volumes/extents.ts';
import type { DiskLayout, Relocation } from '../../volumes/layout.port.ts';

/**
 * @param layout the template's
 * @param relocation null where its tables cannot come onto the target
 * @param places of its partitions there
 * @throws EngineError `MANIFEST_DAMAGED`
 */
export async function outsideChecks(
  manifest: ManifestReader,
  { disk: { layout: disk }, regions }: Pick<ManifestJson, 'disk' | 'regions'>,
  layout: DiskLayout,
  relocation: Relocation | null,
  target: PlaceView,
  places: readonly Extent[],
): Promise<Check[]> {
  const requiredBytes = Math.max(0, ...places.map((place) => place.startBytes + place.lengthBytes));
  if (!relocation) return [];
  // a disk that is as a whole a member of something, whatever small table it carries
  if (target.lengthBytes < requiredBytes) {
    return [{ code: 'TARGET_TOO_SMALL', level: 'block', data: { requiredBytes, targetBytes: target.lengthBytes } }];
  }
  if (!disk.account) return [];
  const behind = disk.account.pieces.filter(({ place }) => place === 'behind-last');
  const names = [...new Set(behind.flatMap((piece) => piece.names))];
  const taken = withoutExtents(places, regions.slice(1));
  const lostBytes = await bytesWithoutPlace(manifest, layout, relocation, target.lengthBytes, taken);
  if (lostBytes > 0) {
    const known = names.length > 0 ? names : null;
    const data = { known, lengthBytes: lostBytes, diskBytes: disk.lengthBytes, targetBytes: target.lengthBytes };
    return [{ code: 'OUTSIDE_DOES_NOT_FIT', level: 'block', canOverride: true, data }];
  }
  return [];
}

/**
 * What a disk keeps at its end, as members of many RAIDs do, on a target that ends elsewhere: with a table, behind its partitions.
 * @param source the template
 * @throws EngineError `READ_FAILED`
 */
export async function endChecks(
  source: BlockSource,
  { table, partitions }: DiskLayout,
  target: PlaceView,
): Promise<Check[]> {
  const diskBytes = source.lengthBytes;
  if (target.lengthBytes <= diskBytes) return [];
  const endOfPartitions = Math.max(0, ...partitions.map((p) => p.startBytes + p.lengthBytes));
  const fromBytes = table === 'none' ? diskBytes / 2 : endOfPartitions;
  const isAtEnd = ({ startBytes }: Extent) => startBytes >= fromBytes;
  const names = (await signaturesOf(source)).filter(({ marks }) => marks.some(isAtEnd)).map(({ name }) => name);
  if (names.length === 0) return [];
  const data = { known: [...new Set(names)], diskBytes, targetBytes: target.lengthBytes };
  return [{ code: 'OUTSIDE_ELSEWHERE', level: 'warn', data }];
}

/** Bytes around partitions, tables aside, that lie behind the end of the target, or where its tables or partitions come to lie. */
async function bytesWithoutPlace(
  manifest: ManifestReader,
  { metadata }: DiskLayout,
  { patches }: Relocation,
  targetBytes: number,
  partitions: readonly Extent[],
): Promise<number> {
  const taken: Extent[] = [
    ...partitions,
    ...patches.map(({ offsetBytes, bytes }) => ({ startBytes: offsetBytes, lengthBytes: bytes.length })),
    { startBytes: targetBytes, lengthBytes: Number.MAX_SAFE_INTEGER - targetBytes },
  ];
  let lostBytes = 0;
  for await (const { region, window, extents } of manifest.records()) {
    if (region !== 0) break;
    for (let e = 0; e < extents.length; e += 2) {
      const run = { startBytes: window * WINDOW_BYTES + extents[e], lengthBytes: extents[e + 1] };
      const hit = taken.flatMap((place) => within(place, [run]));
      if (hit.length > 0) lostBytes += bytesOf(withoutExtents(hit, metadata));
    }
  }
  return lostBytes;
}
