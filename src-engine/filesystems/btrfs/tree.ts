/**
 * B-trees of btrfs: nodes that are checked, searched and walked. Source: Linux, include/uapi/linux/btrfs_tree.h, struct
 * btrfs_header, btrfs_key_ptr, btrfs_item.
 */
import { checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { checksumOf } from './checksum.ts';
import type { ChunkMap } from './chunk-map.ts';
import { address, type BtrfsSuperblock, type TreeRoot } from './superblock.ts';

const HEADER_BYTES = 101;
const POINTER_BYTES = 33;
const ITEM_BYTES = 25;

/** Nodes that are kept: 16 KiB each, mostly. */
const CACHED_NODES = 256;

export interface Key {
  readonly objectId: bigint;
  readonly type: number;
  readonly offset: bigint;
}

export interface Item extends Key {
  readonly data: Buffer;
}

export const MAX_OFFSET = 2n ** 64n - 1n;

function compareKeys(a: Key, b: Key): number {
  if (a.objectId !== b.objectId) return a.objectId < b.objectId ? -1 : 1;
  if (a.type !== b.type) return a.type - b.type;
  return a.offset === b.offset ? 0 : a.offset < b.offset ? -1 : 1;
}

interface Node {
  readonly bytes: Buffer;
  readonly count: number;
  readonly level: number;
  readonly generation: bigint;
}

export class Trees {
  readonly #map: ChunkMap;
  readonly #sb: BtrfsSuperblock;
  // the first is the one that was not used longest
  readonly #nodes = new Map<number, Promise<Node>>();

  constructor(map: ChunkMap, sb: BtrfsSuperblock) {
    this.#map = map;
    this.#sb = sb;
  }

  /** {@link itemsByLeaf}, one by one. */
  async *items(root: TreeRoot, min: Key, max: Key): AsyncGenerator<Item> {
    for await (const items of this.itemsByLeaf(root, min, max)) yield* items;
  }

  /**
   * The items from `min` to `max`, both included, ascending, those of a leaf at a time. Keys ascend through the whole tree, which
   * is checked: no node comes twice, whatever points at it.
   * @throws EngineError `FORMAT_INVALID` with `checksum` where one is wrong
   */
  async *itemsByLeaf(root: TreeRoot, min: Key, max: Key): AsyncGenerator<Item[]> {
    yield* this.#walk(await this.#node(root), min, max, null);
  }

  async *#walk(node: Node, min: Key, max: Key, limit: Key | null): AsyncGenerator<Item[]> {
    if (node.level === 0) {
      const items: Item[] = [];
      for (let i = this.#firstFrom(node, min); i < node.count; i++) {
        const item = itemAt(node, i);
        if (compareKeys(item, max) > 0) break;
        if (limit && compareKeys(item, limit) >= 0) throw invalid('key order', item.objectId);
        items.push(item);
      }
      if (items.length > 0) yield items;
      return;
    }
    // the last pointer that is not behind `min`, and all that follow
    for (let i = Math.max(0, this.#firstAfter(node, min) - 1); i < node.count; i++) {
      const key = keyAt(node, i);
      if (compareKeys(key, max) > 0) return;
      const next = i + 1 < node.count ? keyAt(node, i + 1) : limit;
      yield* this.#walk(await this.#child(node, i), min, max, next);
    }
  }

  /** The item with that key, or null. */
  async find(root: TreeRoot, key: Key): Promise<Item | null> {
    const found = await this.floor(root, key);
    return found && compareKeys(found, key) === 0 ? found : null;
  }

  /** The last item whose key is not behind `key`, or null. */
  async floor(root: TreeRoot, key: Key): Promise<Item | null> {
    let node = await this.#node(root);
    while (node.level > 0) {
      const at = this.#firstAfter(node, key) - 1;
      if (at < 0) return null;
      node = await this.#child(node, at);
    }
    const at = this.#firstAfter(node, key) - 1;
    return at < 0 ? null : itemAt(node, at);
  }

  /** Addresses of the topmost node of a tree and of those right under it. */
  async topNodes(root: TreeRoot): Promise<number[]> {
    const node = await this.#node(root);
    const children = node.level === 0 ? 0 : node.count;
    return [root.bytenr, ...Array.from({ length: children }, (_, i) => childOf(node, i).bytenr)];
  }

  async #child(parent: Node, i: number): Promise<Node> {
    const child = await this.#node(childOf(parent, i));
    if (child.count === 0 || compareKeys(keyAt(child, 0), keyAt(parent, i)) !== 0)
      throw invalid('first key', keyAt(parent, i).objectId);
    return child;
  }

  /** Index of the first key that is not before `key`. */
  #firstFrom(node: Node, key: Key): number {
    return firstWhere(node.count, (i) => compareKeys(keyAt(node, i), key) >= 0);
  }

  /** Index of the first key behind `key`. */
  #firstAfter(node: Node, key: Key): number {
    return firstWhere(node.count, (i) => compareKeys(keyAt(node, i), key) > 0);
  }

  async #node(expected: TreeRoot): Promise<Node> {
    const { bytenr } = expected;
    let node = this.#nodes.get(bytenr);
    if (node) this.#nodes.delete(bytenr);
    else {
      node = this.#read(expected);
      node.catch(() => this.#nodes.delete(bytenr));
    }
    this.#nodes.set(bytenr, node);
    if (this.#nodes.size > CACHED_NODES) this.#nodes.delete(this.#nodes.keys().next().value!);
    const read = await node;
    checkExpected(read, expected);
    return read;
  }

  async #read(expected: TreeRoot): Promise<Node> {
    const bytes = Buffer.allocUnsafeSlow(this.#sb.nodeBytes);
    return this.#map.readFirst(expected.bytenr, bytes, () => {
      const node = this.#parse(bytes, expected.bytenr);
      checkExpected(node, expected);
      return node;
    });
  }

  #parse(bytes: Buffer, bytenr: number): Node {
    const { nodeBytes, checksumType, metadataUuid } = this.#sb;
    const sum = checksumOf(checksumType, bytes.subarray(32));
    if (sum && !sum.equals(bytes.subarray(0, sum.length))) {
      throw new EngineError('FORMAT_INVALID', { field: 'node', checksum: 'tree node', value: String(bytenr) });
    }
    if (!bytes.subarray(32, 48).equals(metadataUuid)) throw invalid('node fsid', BigInt(bytenr));
    if (bytes.readBigUInt64LE(48) !== BigInt(bytenr)) throw invalid('node bytenr', BigInt(bytenr));
    const count = bytes.readUInt32LE(96);
    const level = bytes.readUInt8(100);
    const node = { bytes, count, level, generation: bytes.readBigUInt64LE(80) };
    checkSpan('nritems', HEADER_BYTES, count * (level === 0 ? ITEM_BYTES : POINTER_BYTES), nodeBytes);
    for (let i = 1; i < count; i++) {
      if (compareKeys(keyAt(node, i - 1), keyAt(node, i)) >= 0) throw invalid('key order', BigInt(bytenr));
    }
    if (level === 0) for (let i = 0; i < count; i++) checkItem(node, i);
    return node;
  }
}

function childOf({ bytes, level }: Node, i: number): TreeRoot {
  const at = HEADER_BYTES + i * POINTER_BYTES;
  return {
    bytenr: address('blockptr', bytes.readBigUInt64LE(at + 17)),
    level: level - 1,
    generation: bytes.readBigUInt64LE(at + 25),
  };
}

const invalid = (field: string, value: bigint) => new EngineError('FORMAT_INVALID', { field, value: String(value) });

/** Who points at a node says when it was written: an older one was left where a write was lost. */
function checkExpected(node: Node, { level, generation }: TreeRoot): void {
  if (node.level !== level) throw invalid('level', BigInt(node.level));
  if (node.generation !== generation) throw invalid('node generation', node.generation);
}

function keyAt({ bytes, level }: Node, i: number): Key {
  const at = HEADER_BYTES + i * (level === 0 ? ITEM_BYTES : POINTER_BYTES);
  return { objectId: bytes.readBigUInt64LE(at), type: bytes.readUInt8(at + 8), offset: bytes.readBigUInt64LE(at + 9) };
}

function spanAt({ bytes }: Node, i: number): { start: number; size: number } {
  const at = HEADER_BYTES + i * ITEM_BYTES;
  return { start: HEADER_BYTES + bytes.readUInt32LE(at + 17), size: bytes.readUInt32LE(at + 21) };
}

/** What an item holds lies in its leaf, behind the heads of all items. */
function checkItem(node: Node, i: number): void {
  const { start, size } = spanAt(node, i);
  checkSpan('item', start, size, node.bytes.length);
  if (start < HEADER_BYTES + node.count * ITEM_BYTES) throw invalid('item offset', BigInt(start));
}

function itemAt(node: Node, i: number): Item {
  const { start, size } = spanAt(node, i);
  return { ...keyAt(node, i), data: node.bytes.subarray(start, start + size) };
}

function firstWhere(count: number, isTrue: (i: number) => boolean): number {
  let low = 0;
  for (let high = count; low < high;) {
    const middle = (low + high) >>> 1;
    if (isTrue(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
