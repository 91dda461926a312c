/** Hostile NTFS: mutated metadata, with fixups put right again so that the lies reach the reader, and named lies. */
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import type { FileNode, FileTree } from '../../../src-engine/filesystems/file-tree.port.ts';
import { recogniseNtfs } from '../../../src-engine/filesystems/ntfs/ntfs.ts';
import { proves } from '../../support/matrix.ts';
import {
  attributeOf,
  editRecord,
  linkData,
  makeNtfs,
  mftOf,
  reparsePoint,
  setAttribute,
  withFixups,
  withNtfs3g,
  withoutFixups,
} from '../../support/ntfs.ts';
import { walkHostile } from './harmless-tree.ts';
import { claimedVolume, examineHostile, madeBy, MUTATIONS, mutate, randomBelow, readHostile } from './harmless.ts';

const MIB = 1024 * 1024;
const LENGTH = 4 * MIB;
const PETABYTES = 8 * 1024 ** 5;
const isRoot = process.getuid?.() === 0;
const signal = new AbortController().signal;
const judge = 'seeded mutations';

/** A volume with one of everything. */
async function makeBase(): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-hostile-'));
  const image = makeNtfs(join(folder, 'base.img'), LENGTH);
  await withNtfs3g(image, 'compression', (root) => {
    mkdirSync(join(root, 'folder'));
    writeFileSync(join(root, 'folder', 'first'), 'resident');
    // long names: few of them make several blocks of the index
    for (let i = 0; i < 8; i++) writeFileSync(join(root, 'folder', `${'long '.repeat(49)}${i}`), '');
    linkSync(join(root, 'folder', 'first'), join(root, 'second name'));
    const fragments = openSync(join(root, 'fragments'), 'w');
    for (let i = 0; i < 200; i++) writeSync(fragments, Buffer.alloc(4096, i), 0, 4096, i * 8192);
    closeSync(fragments);
    mkdirSync(join(root, 'packed'));
    setAttribute(join(root, 'packed'), 'system.ntfs_attrib_be', Buffer.from('00000810', 'hex'));
    writeFileSync(join(root, 'packed', 'text'), 'again and again '.repeat(9000));
    symlinkSync('folder/first', join(root, 'link'));
    mkdirSync(join(root, 'junction'));
    setAttribute(
      join(root, 'junction'),
      'system.ntfs_reparse_data',
      reparsePoint(0xa0000003, linkData('\\??\\C:\\folder', '')),
    );
    writeFileSync(join(root, 'hiberfil.sys'), Buffer.alloc(5000));
  });
  const bytes = readFileSync(image);
  rmSync(folder, { recursive: true });
  return bytes;
}

/** A piece of metadata, and the record or index block that it is a part of, which has fixups. */
interface Target {
  readonly start: number;
  readonly length: number;
  readonly block: Buffer | null;
}

function records(bytes: Buffer): Buffer[] {
  const { startBytes, recordBytes } = mftOf(bytes);
  const found: Buffer[] = [];
  for (let at = startBytes; bytes.toString('latin1', at, at + 4) === 'FILE'; at += recordBytes) {
    if (bytes.readUInt16LE(at + 22) & 1) found.push(bytes.subarray(at, at + recordBytes));
  }
  return found;
}

const within = (block: Buffer, from = 0, to = block.length): Target => ({
  start: block.byteOffset + from,
  length: Math.max(9, to - from),
  block,
});

/** Places of attributes in records. Nothing that fixups hide is asked for. */
function attributes(
  bytes: Buffer,
): { record: Buffer; at: number; type: number; length: number; isResident: boolean }[] {
  return records(bytes).flatMap((record) => {
    const found = [];
    for (let at = record.readUInt16LE(20); record.readUInt32LE(at) !== 0xffffffff; at += record.readUInt32LE(at + 4)) {
      const [type, length] = [record.readUInt32LE(at), record.readUInt32LE(at + 4)];
      found.push({ record, at, type, length, isResident: record[at + 8] === 0 });
    }
    return found;
  });
}

function indexBlocks(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 4096) {
    if (bytes.toString('latin1', at, at + 4) === 'INDX') found.push(bytes.subarray(at, at + 4096));
  }
  return found;
}

async function open(bytes: Buffer): Promise<FileTree> {
  return (await recogniseNtfs(memorySource(bytes)))!.browse!();
}

async function opened(bytes: Buffer, path: string): Promise<{ tree: FileTree; file: FileNode }> {
  const tree = await open(bytes);
  let file: FileNode = tree.root;
  for (const name of path.split('/')) file = (await tree.find(file, name))!;
  return { tree, file };
}

const ATTRIBUTE_LIST = 0x20;
const INDEX_ROOT = 0x90;

const KINDS: Record<string, (bytes: Buffer) => Target[]> = {
  'the boot sector': () => [{ start: 0, length: 84, block: null }],
  records: (bytes) => [
    ...records(bytes).map((record) => within(record, 0, record.readUInt32LE(24))),
    ...attributes(bytes).map(({ record, at, isResident }) => within(record, at, at + (isResident ? 24 : 64))),
    // fixups that do not fit
    { ...within(records(bytes)[5]), block: null },
  ],
  runs: (bytes) =>
    attributes(bytes)
      .filter(({ isResident }) => !isResident)
      .map(({ record, at, length }) => within(record, at + record.readUInt16LE(at + 32), at + length)),
  'attribute lists': (bytes) => [
    ...attributes(bytes)
      .filter(({ type }) => type === ATTRIBUTE_LIST)
      .map(({ record, at, length }) => within(record, at, at + length)),
    ...listClusters(bytes),
  ],
  indexes: (bytes) => [
    ...indexBlocks(bytes).map((block) => within(block, 0, 24 + block.readUInt32LE(28))),
    ...attributes(bytes)
      .filter(({ type }) => type === INDEX_ROOT)
      .map(({ record, at, length }) => within(record, at, at + length)),
  ],
};

/** Clusters that begin like a list: with an entry for the standard information, of 32 bytes and no name. */
function listClusters(bytes: Buffer): Target[] {
  const found: Target[] = [];
  for (let at = 0; at < bytes.length; at += 4096) {
    if (bytes.readUInt32LE(at) === 0x10 && bytes.readUInt16LE(at + 4) === 32 && bytes.readUInt16LE(at + 6) === 0x1a00) {
      found.push({ start: at, length: 512, block: null });
    }
  }
  return found;
}

/** Changes one or two of `targets` while `work` lasts. */
async function withMutation(bytes: Buffer, targets: Target[], seed: number, work: () => Promise<void>): Promise<void> {
  const below = randomBelow(seed);
  const undo: (() => void)[] = [];
  for (let count = 1 + below(2); count > 0; count--) {
    const { start, length, block } = targets[below(targets.length)];
    const area = block ?? bytes.subarray(start, start + length);
    const before = Buffer.from(area);
    undo.unshift(() => void area.set(before));
    if (block) withoutFixups(block);
    mutate(bytes, [[start, length]], below(2 ** 31));
    if (block) withFixups(block);
  }
  await work();
  for (const step of undo) step();
}

describe.skipIf(!isRoot)('mutated (needs root to mount)', () => {
  let base: Buffer;
  beforeAll(async () => {
    // memory of its own: places in it are places in the volume
    base = Buffer.from(new Uint8Array(await makeBase()).buffer);
  });

  test('is read as it is', async () => {
    expect(await readHostile(memorySource(base))).toBe('used-blocks');
    const walk = await walkHostile((await recogniseNtfs(memorySource(base)))!, memorySource(base), signal);
    expect(walk).toMatchObject({ refusals: new Set() });
    expect(walk.names).toBeGreaterThan(14);
    expect(walk.filesRead).toBeGreaterThan(10);
  });

  test.for(Object.entries(KINDS))('%s', async ([kind, findTargets], context) => {
    proves(context, { subject: 'NTFS', feature: 'metadata', aspect: 'hostile', judge });
    const targets = findTargets(base);
    const original = Buffer.from(base);
    const rssBytes = process.memoryUsage().rss;
    const refusals = new Set<string>();
    for (let seed = 0; seed < MUTATIONS; seed++) {
      await withMutation(base, targets, seed, async () => {
        const { outcome, walk } = await examineHostile(memorySource(base));
        if (outcome === 'FORMAT_INVALID') refusals.add('of the volume');
        if (walk?.refusals.has('FORMAT_INVALID')) refusals.add('of files');
      });
    }
    expect(base.equals(original)).toBe(true);
    // who refuses nothing was not asked: no lie of the boot sector is first met in files
    const expected = kind === 'the boot sector' ? ['of the volume'] : ['of files', 'of the volume'];
    expect([...refusals].sort()).toEqual(expected);
    expect(process.memoryUsage().rss - rssBytes).toBeLessThan(300 * MIB);
  });

  test('compressed units', async (context) => {
    proves(context, { subject: 'NTFS', feature: 'compressed files', aspect: 'hostile', judge });
    const { tree, file } = await opened(base, 'packed/text');
    const units: Target[] = [];
    for await (const batch of tree.extents(file, signal)) {
      units.push(...batch.map((extent) => ({ start: extent.startBytes, length: extent.lengthBytes, block: null })));
    }
    const into = Buffer.alloc(file.lengthBytes);
    const rssBytes = process.memoryUsage().rss;
    let refused = 0;
    for (let seed = 0; seed < MUTATIONS; seed++) {
      await withMutation(base, units, seed, async () => {
        const content = await (await opened(base, 'packed/text')).tree.open(file);
        await content.readInto(0, into).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'FORMAT_INVALID' });
          refused++;
        });
      });
    }
    expect(refused).toBeGreaterThan(0);
    expect(process.memoryUsage().rss - rssBytes).toBeLessThan(100 * MIB);
  });

  describe('named lies about files', () => {
    /** The node of a record stays what it was: the lie is met when it is asked for. */
    async function lied(
      path: string,
      lie: (record: Buffer, bytes: Buffer) => void,
    ): Promise<{ tree: FileTree; file: FileNode }> {
      const bytes = Buffer.from(base);
      const { file } = await opened(bytes, path);
      editRecord(bytes, Number(file.id), (record) => lie(record, bytes));
      expect(['used-blocks', 'FORMAT_INVALID']).toContain(await readHostile(memorySource(bytes)));
      return { tree: await open(bytes), file };
    }
    const invalid = expect.objectContaining({ code: 'FORMAT_INVALID' });

    test.each<[string, string, (data: Buffer) => void]>([
      ['compressed in units of 2^255 clusters', 'packed/text', (data) => data.writeUInt8(255, 34)],
      ['compressed in units of 256 MiB', 'packed/text', (data) => data.writeUInt8(16, 34)],
      ['of 2^63 bytes', 'packed/text', (data) => data.writeBigUInt64LE(2n ** 63n, 48)],
      ['of no length', 'packed/text', (data) => data.writeUInt32LE(0, 4)],
      ['longer than its record', 'packed/text', (data) => data.writeUInt32LE(0x10000, 4)],
      ['with a name behind its end', 'packed/text', (data) => data.writeUInt8(255, 9)],
      ['with runs before the volume', 'packed/text', (data) => data.write('1101f0', data.readUInt16LE(32), 'hex')],
      ['with runs behind the volume', 'packed/text', (data) => data.write('2110ff7f', data.readUInt16LE(32), 'hex')],
      ['with runs behind its end', 'packed/text', (data) => data.writeUInt16LE(0xffff, 32)],
    ])('data %s', async (_, path, lie) => {
      const { tree, file } = await lied(path, (record) => lie(attributeOf(record, 0x80)));
      const read = async () => (await tree.open(file)).readInto(0, Buffer.alloc(4096));
      await expect(read()).rejects.toEqual(invalid);
    });

    test('a compressed file that claims a petabyte', async () => {
      const { tree, file } = await lied('packed/text', (record) => {
        for (const at of [48, 56]) attributeOf(record, 0x80).writeBigUInt64LE(2n ** 50n, at);
      });
      const content = await tree.open(file);
      expect(content.lengthBytes).toBe(2 ** 50);
      await expect(content.readInto(2 ** 50 - 4096, Buffer.alloc(4096))).rejects.toEqual(invalid);
      await expect(content.readInto(2 ** 49, Buffer.alloc(MIB))).rejects.toEqual(invalid);
    });

    test('a list whose parts stand in the records of others', async () => {
      const { tree, file } = await lied('fragments', (record, bytes) => {
        const list = attributeOf(record, ATTRIBUTE_LIST);
        const at = list[8] === 0 ? list.byteOffset + list.readUInt16LE(20) : firstCluster(list) * 4096;
        const entries = list[8] === 0 ? list.subarray(list.readUInt16LE(20)) : bytes.subarray(at, at + 4096);
        for (let entry = 0; entries.readUInt32LE(entry) !== 0 && entry + 32 < entries.length; entry += 32) {
          if (entries.readUInt32LE(entry) === 0x80) entries.writeUInt32LE(5, entry + 16);
        }
      });
      await expect(tree.open(file)).rejects.toEqual(invalid);
    });

    test.each<[string, (record: Buffer) => void]>([
      ['is no record', (record) => record.write('BAAD', 0, 'latin1')],
      ['is not in use', (record) => record.writeUInt16LE(0, 22)],
      ['is a part of another file', (record) => record.writeUInt32LE(5, 32)],
      ['stands for another file by now', (record) => record.writeUInt16LE(record.readUInt16LE(16) + 1, 16)],
    ])('a record that %s does not hide its folder', async (_, lie) => {
      const { tree } = await lied('folder/first', lie);
      const folder = (await tree.find(tree.root, 'folder'))!;
      const names: string[] = [];
      for await (const batch of tree.list(folder, signal)) names.push(...batch.map((entry) => entry.name));
      expect(names).toHaveLength(9);
      const file = (await tree.find(folder, 'first'))!;
      expect(file).toMatchObject({ kind: 'file', lengthBytes: 0 });
      await expect(tree.open(file)).rejects.toEqual(invalid);
    });

    test('a tree of names that goes in circles', async () => {
      const bytes = Buffer.from(base);
      for (const block of indexBlocks(bytes)) {
        withoutFixups(block);
        const length = block.readUInt32LE(28);
        const end = 24 + length - 16;
        // leaves become parents of their own tree's blocks
        if (block.readUInt16LE(end + 12) === 2) {
          block.writeUInt16LE(24, end + 8);
          block.writeUInt16LE(3, end + 12);
          block.writeBigUInt64LE(0n, end + 16);
          block.writeUInt32LE(length + 8, 28);
        }
        withFixups(block);
      }
      expect(await readHostile(memorySource(bytes))).toBe('used-blocks');
      const { tree, file } = await opened(bytes, 'folder');
      const listing = (async () => {
        for await (const _batch of tree.list(file, signal));
      })();
      await expect(listing).rejects.toMatchObject({ code: 'FORMAT_INVALID', data: { field: 'cycle in an index' } });
    });
  });
});

/** The first cluster of a value that has one run at least, in one byte or two. */
function firstCluster(attribute: Buffer): number {
  const at = attribute.readUInt16LE(32);
  return attribute.readUIntLE(at + 1 + (attribute[at] & 0xf), attribute[at] >>> 4);
}

describe('named lies about the volume', () => {
  let base: Buffer;
  beforeAll(() => {
    base = madeBy('mkfs.ntfs', ['-F', '-Q', '-q'], LENGTH);
  });
  const data = (record: Buffer) => attributeOf(record, 0x80);
  const pairs = (record: Buffer, hex: string) => void data(record).write(hex, data(record).readUInt16LE(32), 'hex');

  test('is read as it is', async () => {
    expect(await readHostile(memorySource(base))).toBe('used-blocks');
  });

  test.each<[string, number, (record: Buffer) => void, string]>([
    ['a bitmap that is too short', 6, (record) => data(record).writeBigUInt64LE(100n, 48), 'FORMAT_INVALID'],
    [
      'a bitmap that was not written to its end',
      6,
      (record) => data(record).writeBigUInt64LE(100n, 56),
      'FORMAT_INVALID',
    ],
    ['a bitmap that is a hole', 6, (record) => pairs(record, '010100'), 'FORMAT_INVALID'],
    ['a bitmap that says that all is free', 6, (record) => pairs(record, '2101ff03'), 'FORMAT_INVALID'],
    ['a bitmap behind the end', 6, (record) => pairs(record, '2101ff7f'), 'FORMAT_INVALID'],
    ['a volume without a bitmap', 6, (record) => data(record).writeUInt32LE(0x100, 0), 'FORMAT_INVALID'],
    ['an $MFT of 2^62 bytes', 0, (record) => data(record).writeBigUInt64LE(2n ** 62n, 48), 'FORMAT_INVALID'],
    [
      'an $MFT that ends in its first record',
      0,
      (record) => data(record).writeBigUInt64LE(1024n, 48),
      'FORMAT_INVALID',
    ],
    // every cluster of it is the first one, where the records of $MFT to $Volume are
    [
      'an $MFT that contains itself',
      0,
      (record) => pairs(record, '110104110100110100110100110100110100110100'),
      'FORMAT_INVALID',
    ],
    ['an $MFT that lies in no cluster', 0, (record) => pairs(record, '00'), 'FORMAT_INVALID'],
    ['a version from the future', 3, (record) => attributeOf(record, 0x70).writeUInt8(4, 24 + 8), 'FORMAT_UNSUPPORTED'],
    ['a root that is no folder', 5, (record) => attributeOf(record, 0x90).writeUInt32LE(0x91, 0), 'FORMAT_INVALID'],
    [
      'a root of other things than names',
      5,
      (record) => attributeOf(record, 0x90).writeUInt32LE(0x40, 32),
      'FORMAT_INVALID',
    ],
    ['a log that is not in use', 2, (record) => record.writeUInt16LE(0, 22), 'FORMAT_INVALID'],
    ['a table of upper case of one letter', 10, (record) => data(record).writeBigUInt64LE(2n, 48), 'FORMAT_INVALID'],
  ])('%s', async (_, number, lie, outcome) => {
    const bytes = Buffer.from(base);
    editRecord(bytes, number, lie);
    expect(await readHostile(memorySource(bytes))).toBe(outcome);
    expect(await readHostile(claimedVolume(bytes, PETABYTES))).toBe(outcome);
  });

  test('a list of $MFT that says that the rest of it stands in itself', async () => {
    const bytes = Buffer.from(base);
    editRecord(bytes, 0, (record) => {
      const clusters = Number(data(record).readBigUInt64LE(24)) + 1;
      const list = Buffer.alloc(24 + 64);
      list.writeUInt32LE(ATTRIBUTE_LIST, 0);
      list.writeUInt32LE(list.length, 4);
      list.writeUInt32LE(64, 16);
      list.writeUInt16LE(24, 20);
      for (const [i, vcn] of [0, clusters].entries()) {
        const entry = list.subarray(24 + 32 * i);
        entry.writeUInt32LE(0x80, 0);
        entry.writeUInt16LE(32, 4);
        entry.writeUInt8(26, 7);
        entry.writeBigUInt64LE(BigInt(vcn), 8);
      }
      // behind the first attribute
      const at = record.readUInt16LE(20) + record.readUInt32LE(record.readUInt16LE(20) + 4);
      record.copyWithin(at + list.length, at, record.length - list.length);
      list.copy(record, at);
      record.writeUInt32LE(record.readUInt32LE(24) + list.length, 24);
    });
    expect(await readHostile(memorySource(bytes))).toBe('FORMAT_INVALID');
  });

  test('cut off anywhere', async () => {
    for (let length = 0; length < LENGTH; length += 49_999) {
      expect(['null', 'whole', 'FORMAT_INVALID']).toContain(await readHostile(memorySource(base.subarray(0, length))));
    }
  });

  test('eight petabytes of free space are read in pieces, and can be cancelled', async () => {
    // behind the other files, and as far as it is long itself it says that clusters are taken
    const bitmapLcn = LENGTH / 4096;
    const bytes = Buffer.concat([base, Buffer.alloc((2 ** 26 + bitmapLcn) / 8, 0xff)]);
    expect(bytes[0x0d] * 512).toBe(4096);
    bytes.writeBigUInt64LE(2n ** 44n - 16n, 0x28);
    editRecord(bytes, 6, (record) => {
      const attribute = data(record);
      for (const at of [40, 48, 56]) attribute.writeBigUInt64LE(2n ** 38n, at);
      attribute.writeBigUInt64LE(2n ** 26n - 1n, 24);
      const runs = Buffer.alloc(8, 0);
      runs.writeUInt8(0x24, 0);
      runs.writeUInt32LE(2 ** 26, 1);
      runs.writeUInt16LE(bitmapLcn, 5);
      if (attribute.length - attribute.readUInt16LE(32) < 8) throw new Error('no room for the run');
      runs.copy(attribute, attribute.readUInt16LE(32));
    });
    const fileSystem = (await recogniseNtfs(claimedVolume(bytes, PETABYTES)))!;
    expect(fileSystem).toMatchObject({ captureAs: 'used-blocks', lengthBytes: (2 ** 44 - 15) * 512 });
    const rssBytes = process.memoryUsage().rss;
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 300);
    const reading = (async () => {
      for await (const _batch of fileSystem.used(controller.signal));
    })();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    expect(process.memoryUsage().rss - rssBytes).toBeLessThan(100 * MIB);
  });
});
