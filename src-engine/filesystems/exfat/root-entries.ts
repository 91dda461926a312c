/** What the root directory tells of the whole volume: exFAT specification, sections 7.1 to 7.3. */
import { checkRange } from '../../core/bounds.ts';
import { struct, u32le, u64le, u8 } from '../../core/struct.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { shownWideText } from '../names.ts';
import { clusterPlace, rootChain, type Allocation, type ExfatVolume } from './allocation.ts';
import { ENTRY, ENTRY_BYTES, entrySets } from './entry-sets.ts';

const tableLayout = struct(ENTRY_BYTES, {
  BitmapFlags: u8(1),
  TableChecksum: u32le(4),
  FirstCluster: u32le(20),
  DataLength: u64le(24),
});
/** The specification says 11; the entry has room for 15, and drivers read them. */
const LABEL_UNITS_MAX = 15;
/** Every two bytes map one of 65,536 letters. */
const UP_CASE_BYTES_MAX = 131_072;

export interface RootEntries {
  readonly label: string;
  /** the allocation bitmap that is in use; null where there is none */
  readonly bitmap: Allocation | null;
  readonly upCase: { readonly allocation: Allocation; readonly checksum: number } | null;
}

export async function* rootPlaces(fs: ExfatVolume): AsyncGenerator<Extent[]> {
  for await (const runs of rootChain(fs).runsFrom(0)) yield runs.map((run) => clusterPlace(fs, run));
}

/** @throws EngineError `FORMAT_INVALID` where the root directory is damaged; `READ_FAILED` */
export async function readRootEntries(fs: ExfatVolume): Promise<RootEntries> {
  const { active, clusterCount, clusterBytes } = fs.geometry;
  let found: RootEntries = { label: '', bitmap: null, upCase: null };
  for await (const sets of entrySets(fs, rootPlaces(fs))) {
    for (const { type, bytes } of sets) {
      if (type === ENTRY.LABEL) found = { ...found, label: labelOf(bytes) };
      if (type !== ENTRY.BITMAP && type !== ENTRY.UP_CASE) continue;
      const { BitmapFlags, TableChecksum, FirstCluster, DataLength } = tableLayout.read(bytes);
      const maxBytes = type === ENTRY.BITMAP ? clusterCount * clusterBytes : UP_CASE_BYTES_MAX;
      const lengthBytes = checkRange('DataLength', Number(DataLength), 1, maxBytes);
      const allocation = { firstCluster: FirstCluster, lengthBytes, validBytes: lengthBytes, isContiguous: false };
      if (type === ENTRY.UP_CASE) found = { ...found, upCase: { allocation, checksum: TableChecksum } };
      else if ((BitmapFlags & 1) === active) found = { ...found, bitmap: allocation };
    }
  }
  return found;
}

function labelOf(bytes: Buffer): string {
  const count = checkRange('CharacterCount', bytes[1], 0, LABEL_UNITS_MAX);
  return shownWideText(bytes.toString('utf16le', 2, 2 + 2 * count));
}
