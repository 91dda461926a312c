/** Images of btrfs whose extents, counters and trees contradict each other, with every checksum right: taken whole. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import { itemsOf, makeBtrfs, NODE, nodesOf, seal, SUPER } from './btrfs-nodes.ts';

const folder = mkdtempSync(join(tmpdir(), 'diskpress-btrfs-lies-'));
afterAll(() => rmSync(folder, { recursive: true }));
const EXTENT = 168;
const METADATA = 169;
const BLOCK_GROUP = 192;
const FREE_SPACE_TREE_VALID = 2n;

let base: Buffer;
let nodes: Map<string, number[]>;
beforeAll(() => {
  base = makeBtrfs();
  nodes = nodesOf(base);
});

/** An image that can be changed item by item; {@link Lie.sealed} puts the checksums right. */
class Lie {
  readonly bytes = Buffer.from(base);

  /** @returns where the head of the item of the extent tree is that has this address, or the first of its type */
  extent(type: number, address?: bigint): number {
    for (const leaf of nodes.get('extent tree')!) {
      const found = itemsOf(this.bytes, leaf).find(
        (item) => item.type === type && (address === undefined || this.bytes.readBigUInt64LE(item.head) === address),
      );
      if (found) return found.head;
    }
    throw new Error(`no extent ${address}`);
  }

  /** Leaves an extent out: its item becomes one of a type that says nothing. */
  leaveOut(head: number): bigint {
    const length = this.bytes[head + 8] === METADATA ? BigInt(NODE) : this.bytes.readBigUInt64LE(head + 9);
    // it may be the first of its leaf, which the node above tells
    for (const node of nodes.get('extent tree, inner nodes')!) {
      for (let at = node + 101; at < node + 101 + this.bytes.readUInt32LE(node + 96) * 33; at += 33) {
        if (this.bytes.subarray(at, at + 17).equals(this.bytes.subarray(head, head + 17))) this.bytes[at + 8] = 170;
      }
    }
    this.bytes[head + 8] = 170;
    return length;
  }

  /** The address of the newest root of a tree, or of the node at a place. */
  addressOf(start: number): bigint {
    return this.bytes.readBigUInt64LE(start + 48);
  }

  add(at: number, change: bigint): void {
    this.bytes.writeBigUInt64LE(this.bytes.readBigUInt64LE(at) + change, at);
  }

  inSuperblock(change: bigint): void {
    this.add(SUPER + 120, change);
  }

  /** Of the block group that an address lies in. */
  inBlockGroup(address: bigint, change: bigint): void {
    for (const leaf of nodes.get('extent tree')!) {
      for (const { head, type, data } of itemsOf(this.bytes, leaf)) {
        const start = this.bytes.readBigUInt64LE(head);
        const isIn = start <= address && address < start + this.bytes.readBigUInt64LE(head + 9);
        if (type === BLOCK_GROUP && isIn) return this.add(data, change);
      }
    }
    throw new Error(`no block group of ${address}`);
  }

  /** As an older kernel leaves it: its tree of free space may not be relied on. */
  withoutFreeSpaceTree(): void {
    const at = SUPER + 180;
    this.bytes.writeBigUInt64LE(this.bytes.readBigUInt64LE(at) & ~FREE_SPACE_TREE_VALID, at);
  }

  sealed(): Buffer {
    for (const start of [SUPER, ...[...nodes.values()].flat()]) seal(this.bytes, start);
    return this.bytes;
  }
}

/** Leaves out the extent of a node, and puts every sum right. */
function withoutNode(place: () => number) {
  return (lie: Lie) => {
    const address = lie.addressOf(place());
    const length = lie.leaveOut(lie.extent(METADATA, address));
    lie.inSuperblock(-length);
    lie.inBlockGroup(address, -length);
  };
}

/** Where the node is that the superblock names at `at`. */
const rootAt = (at: number) => () => {
  const address = base.readBigUInt64LE(SUPER + at);
  return [...nodes.values()].flat().find((start) => base.readBigUInt64LE(start + 48) === address)!;
};

const LIES: Record<string, { change: (lie: Lie) => void; code?: string; field?: string }> = {
  'the tree of roots is no extent': { change: withoutNode(rootAt(80)), field: 'extents' },
  'the tree of chunks is no extent': { change: withoutNode(rootAt(88)), field: 'extents' },
  'the top of the tree of files is no extent': {
    change: withoutNode(() => nodes.get('file tree, inner nodes')![0]),
    field: 'extents',
  },
  'a leaf of the tree of files is no extent': {
    change: withoutNode(() => nodes.get('file tree')!.at(-1)!),
    field: 'extents',
  },
  'data is left out, and the superblock knows': {
    change: (lie) => lie.inSuperblock(-lie.leaveOut(lie.extent(EXTENT))),
    field: 'used of a block group',
  },
  'data is left out, and its block group knows': {
    change(lie) {
      const head = lie.extent(EXTENT);
      lie.inBlockGroup(lie.bytes.readBigUInt64LE(head), -lie.leaveOut(head));
    },
    field: 'bytes_used',
  },
  'an extent that ends inside a sector': {
    change(lie) {
      const head = lie.extent(EXTENT);
      lie.add(head + 9, -1n);
      lie.inBlockGroup(lie.bytes.readBigUInt64LE(head), -1n);
      lie.inSuperblock(-1n);
    },
    field: 'extent',
  },
  'an extent that goes on into the next one': {
    change: (lie) => lie.add(lie.extent(EXTENT) + 9, 2n ** 20n),
    field: 'extent',
  },
  'a feature that only readers may ignore': {
    change: (lie) => void lie.bytes.writeBigUInt64LE(1n << 30n, SUPER + 180),
    code: 'FORMAT_UNSUPPORTED',
  },
};

async function usedOf(bytes: Buffer): Promise<void> {
  const fileSystem = await recogniseFileSystem(memorySource(bytes));
  expect(fileSystem!.captureAs).toBe('used-blocks');
  for await (const _batch of fileSystem!.used(new AbortController().signal));
}

/** Whether btrfs check finds nothing wrong. */
function isSound(bytes: Buffer): boolean {
  const image = join(folder, 'image');
  writeFileSync(image, bytes);
  return spawnSync('btrfs', ['check', image]).status === 0;
}

describe('contradictions', () => {
  test('none in the image as it is made', async () => {
    await usedOf(new Lie().sealed());
    expect(isSound(base)).toBe(true);
  });

  test.for(Object.entries(LIES))('%s', async ([_, { change, code = 'FORMAT_INVALID', field }]) => {
    const lie = new Lie();
    change(lie);
    // the tree of free space contradicts it, and so does the rest where there is no such tree
    await expect(usedOf(lie.sealed())).rejects.toMatchObject({ code });
    lie.withoutFreeSpaceTree();
    await expect(usedOf(lie.sealed())).rejects.toMatchObject({ code, ...(field ? { data: { field } } : {}) });
    if (field) expect(isSound(lie.bytes)).toBe(false);
  });
});
