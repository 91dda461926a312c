/** The index of a folder: a B+ tree of names, in the order that {@link compareNames} tells. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { FileContent } from '../file-tree.port.ts';
import { ATTRIBUTE } from './attributes.ts';
import { contentOf } from './contents.ts';
import { parseIndexBlock, parseIndexRoot, type IndexEntry, type IndexKey } from './index-nodes.ts';
import { RECORD, type MftRecord, type NtfsVolume } from './records.ts';
import { openAttribute, required } from './streams.ts';

const INDEX_NAME = '$I30';
/** Trees of Windows are a few nodes deep: a node has dozens of children. */
const DEPTH_MAX = 32;
/** 64 GiB of names. */
const BLOCKS_MAX = 2 ** 24;
const NAMES_AT_ONCE = 256;

/**
 * The names of a folder in their order, in batches, without short names of DOS and without the files of NTFS itself.
 * @param order where a name stands: in front of those that are wanted (less than 0), among them (0), behind them. Parts of the
 *   tree that hold none of them are not read
 * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
 */
export async function* namesOf(
  ntfs: NtfsVolume,
  folder: MftRecord,
  order: (name: string) => number = () => 0,
): AsyncGenerator<IndexKey[]> {
  const { entries, readBlock } = await openIndex(ntfs, folder);
  const path = [{ entries, next: 0 }];
  let batch: IndexKey[] = [];
  while (path.length > 0) {
    const node = path[path.length - 1];
    // an entry is looked at when what is below it has been
    const before = node.next > 0 ? node.entries[node.next - 1].key : null;
    if (before !== null) {
      const place = order(before.name);
      if (place === 0 && isShown(before)) batch.push(before);
      if (place > 0) break;
    }
    const entry = node.entries[node.next++];
    if (entry === undefined) {
      path.pop();
      continue;
    }
    if (entry.childVcn !== null && (entry.key === null || order(entry.key.name) >= 0)) {
      checkRange('depth of an index', path.length, 1, DEPTH_MAX);
      path.push({ entries: await readBlock(entry.childVcn), next: 0 });
    }
    if (batch.length >= NAMES_AT_ONCE) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

function isShown({ name, isDosName, reference }: IndexKey): boolean {
  return !isDosName && reference.record >= RECORD.FIRST_USER && name !== '' && name !== '.' && name !== '..';
}

interface OpenIndex {
  readonly entries: readonly IndexEntry[];
  /** @throws EngineError `FORMAT_INVALID` also for a block that was read before */
  readBlock(vcn: number): Promise<IndexEntry[]>;
}

async function openIndex(ntfs: NtfsVolume, folder: MftRecord): Promise<OpenIndex> {
  const root = required(await openAttribute(ntfs, folder, ATTRIBUTE.INDEX_ROOT, INDEX_NAME), 'INDEX_ROOT');
  if (!('value' in root)) throw new EngineError('FORMAT_INVALID', { field: 'INDEX_ROOT', value: 'not resident' });
  const { blockBytes, entries } = parseIndexRoot(root.value);
  const { clusterBytes } = ntfs.geometry;
  const vcnBytes = clusterBytes <= blockBytes ? clusterBytes : 512;
  let blocks: FileContent | null = null;
  let seen: Uint8Array;

  async function readBlock(vcn: number): Promise<IndexEntry[]> {
    if (blocks === null) {
      blocks = contentOf(ntfs, await openAttribute(ntfs, folder, ATTRIBUTE.INDEX_ALLOCATION, INDEX_NAME));
      const count = checkRange('blocks of an index', Math.floor(blocks.lengthBytes / blockBytes), 0, BLOCKS_MAX);
      seen = new Uint8Array(Math.ceil(count / 8));
    }
    const offsetBytes = vcn * vcnBytes;
    checkRange('index block', offsetBytes, 0, blocks.lengthBytes - blockBytes);
    checkRange('alignment of an index block', offsetBytes % blockBytes, 0, 0);
    const number = offsetBytes / blockBytes;
    if (seen[number >>> 3] & (1 << (number & 7))) {
      throw new EngineError('FORMAT_INVALID', { field: 'cycle in an index', value: String(vcn) });
    }
    seen[number >>> 3] |= 1 << (number & 7);
    const block = Buffer.allocUnsafe(blockBytes);
    await blocks.readInto(offsetBytes, block);
    return parseIndexBlock(block, vcn);
  }

  return { entries, readBlock };
}
