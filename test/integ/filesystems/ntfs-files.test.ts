/** Files of NTFS as ntfs-3g shows them: fragments, attribute lists, names, links, compression, what was never written. */
import {
  appendFileSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { BlockSource } from '../../../src-engine/disk/block-source.port.ts';
import type { FileNode, FileTree } from '../../../src-engine/filesystems/file-tree.port.ts';
import { recogniseNtfs } from '../../../src-engine/filesystems/ntfs/ntfs.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { proves, type Proof } from '../../support/matrix.ts';
import {
  attributeOf,
  editRecordOfImage,
  linkData,
  makeNtfs,
  reparsePoint,
  setAttribute,
  withNtfs3g,
} from '../../support/ntfs.ts';
import { expectSameTree } from '../../support/trees.ts';
import { MIB, noise, run, scratchFolder } from './images.ts';

const folder = scratchFolder();
const isRoot = process.getuid?.() === 0;
const KIB = 1024;
const signal = new AbortController().signal;
const SAME = { isPosix: false } as const;
const filesOf = (feature: string): Proof => ({ subject: 'NTFS', feature, aspect: 'files', judge: 'ntfs-3g' });

/** Makes a volume, lets `fill` fill it, and `look` look into it as Diskpress reads it. */
async function lookInto(
  lengthBytes: number,
  fill: (root: string) => void,
  look: (tree: FileTree, image: string, source: CountingSource) => Promise<void>,
  mountOptions = '',
): Promise<void> {
  const image = makeNtfs(join(folder, 'files.img'), lengthBytes);
  await withNtfs3g(image, mountOptions, fill);
  await opened(image, look);
  rmSync(image);
}

type CountingSource = BlockSource & { reads: number };

async function opened(
  image: string,
  look: (tree: FileTree, image: string, source: CountingSource) => Promise<void>,
): Promise<void> {
  const file = await openFileSource(image);
  const source: CountingSource = {
    ...file,
    reads: 0,
    readInto(offsetBytes, into) {
      source.reads++;
      return file.readInto(offsetBytes, into);
    },
  };
  const fileSystem = (await recogniseNtfs(source))!;
  await look(await fileSystem.browse!(), image, source);
  await file.close();
}

async function expectSame(tree: FileTree, image: string, ignored: string[] = []): Promise<number> {
  return withNtfs3g(image, 'ro', (root) => expectSameTree(tree, root, { ...SAME, ignored }));
}

async function nodeAt(tree: FileTree, path: string): Promise<FileNode> {
  let node: FileNode | null = tree.root;
  for (const name of path.split('/')) node = node && (await tree.find(node, name));
  if (!node) throw new Error(`${path} is not found`);
  return node;
}

async function namesIn(tree: FileTree, node: FileNode): Promise<string[]> {
  const names: string[] = [];
  for await (const batch of tree.list(node, signal)) names.push(...batch.map((entry) => entry.name));
  return names;
}

/** A text that packs well, and differs from place to place. */
function packable(lengthBytes: number): Buffer {
  const lines = Array.from(
    { length: Math.ceil(lengthBytes / 40) },
    (_, i) => `line ${i * 7919}, and words again and again\n`,
  );
  return Buffer.from(lines.join('')).subarray(0, lengthBytes);
}

describe.skipIf(!isRoot)('as ntfs-3g shows them (needs root to mount)', () => {
  test('a fragmented $MFT that needs an attribute list', async (context) => {
    proves(context, filesOf('a fragmented $MFT'));
    const fill = (root: string) => {
      const cluster = noise('pair', 4096);
      // pairs of files that grow in turns; when one of each is gone, free space is in pieces of a cluster or two
      for (let pair = 0; pair < 14; pair++) {
        const files = [0, 1].map((i) => openSync(join(root, `pair ${pair} ${i}`), 'w'));
        for (let i = 0; i < 500; i++) writeSync(files[i % 2], cluster);
        files.forEach((file) => closeSync(file));
      }
      fillUp(root);
      for (let pair = 0; pair < 14; pair++) rmSync(join(root, `pair ${pair} 0`));
      mkdirSync(join(root, 'many'));
      for (let i = 0; i < 5500; i++) writeFileSync(join(root, 'many', `${i}`), '');
      for (let i = 5000; i < 5500; i++) writeFileSync(join(root, 'many', `${i}`), noise(`${i}`, i % 600));
    };
    await lookInto(32 * MIB, fill, async (tree, image) => {
      expect(run('ntfsinfo', ['-f', '-i', '0', image])).toContain('$ATTRIBUTE_LIST');
      expect(await expectSame(tree, image)).toBeGreaterThan(5500);
    });
  });

  function fillUp(root: string): void {
    for (let i = 0, lengthBytes = 4 * MIB; lengthBytes >= 4096; i++) {
      try {
        writeFileSync(join(root, `filler ${i}`), Buffer.alloc(lengthBytes, 'filler'));
      } catch {
        rmSync(join(root, `filler ${i}`));
        lengthBytes /= 2;
      }
    }
  }

  test('a file in thousands of fragments', async (context) => {
    proves(context, filesOf('files in thousands of fragments'));
    const fill = (root: string) => {
      const file = openSync(join(root, 'fragments'), 'w');
      for (let i = 0; i < 1500; i++) writeSync(file, Buffer.alloc(4096, `fragment ${i}`), 0, 4096, i * 8192);
      closeSync(file);
    };
    await lookInto(32 * MIB, fill, async (tree, image) => {
      const file = await nodeAt(tree, 'fragments');
      const report = run('ntfsinfo', ['-v', '-f', '-i', file.id, image]);
      expect(report).toContain('$ATTRIBUTE_LIST');
      await expectSame(tree, image);
      // all of its clusters, and those of the list; ntfscluster leaves out what lies in records behind the first
      const byNtfsinfo = [...report.matchAll(/^\s+0x[\da-f]+\s+(0x[\da-f]+)\s+(0x[\da-f]+)$/gm)].map(
        ([, lcn, count]) => Number(lcn) * 1e6 + Number(count),
      );
      const found: number[] = [];
      for await (const batch of tree.extents(file, signal)) {
        found.push(...batch.map(({ startBytes, lengthBytes }) => (startBytes / 4096) * 1e6 + lengthBytes / 4096));
      }
      expect(found.length).toBeGreaterThan(1400);
      expect(found.sort((a, b) => a - b)).toEqual(byNtfsinfo.sort((a, b) => a - b));
    });
  });

  test('more hard links than fit into a record', async (context) => {
    proves(context, filesOf('hard links'));
    const fill = (root: string) => {
      mkdirSync(join(root, 'names'));
      writeFileSync(join(root, 'first'), noise('linked', 30_000));
      for (let i = 0; i < 400; i++)
        linkSync(join(root, 'first'), join(root, 'names', `a rather long name, number ${i}`));
    };
    await lookInto(16 * MIB, fill, async (tree, image) => {
      const node = await nodeAt(tree, 'first');
      expect(run('ntfsinfo', ['-f', '-i', node.id, image])).toContain('$ATTRIBUTE_LIST');
      expect(node.linkCount).toBe(401);
      expect(await nodeAt(tree, 'names/a rather long name, number 399')).toEqual(node);
      await expectSame(tree, image);
    });
  });

  test('names: as long as they may be, in every script, of DOS, and differing in case', async (context) => {
    proves(context, filesOf('names in Unicode, without regard to case'));
    // Node has U+FFFD for the bytes of it
    const halfPair = 'half \\ud83d pair';
    const cases = ['Readme', 'README', 'readme', 'reADme', 'ÄÖÜ', 'äöü', 'ÿ', 'Ÿ', 'я', 'ß'];
    const fill = (root: string) => {
      mkdirSync(join(root, 'Folder'));
      for (const name of cases) writeFileSync(join(root, 'Folder', name), name);
      for (let i = 0; i < 1200; i++) writeFileSync(join(root, 'Folder', `Name ${i} ${'€'.repeat(i % 200)}`), String(i));
      writeFileSync(join(root, 'Program Files of Old'), 'long');
      setAttribute(join(root, 'Program Files of Old'), 'system.ntfs_dos_name', Buffer.from('PROGRA~1'));
      writeFileSync(
        Buffer.concat([Buffer.from(`${root}/half `), Buffer.from('eda0bd', 'hex'), Buffer.from(' pair')]),
        'half',
      );
    };
    await lookInto(32 * MIB, fill, async (tree, image) => {
      expect(await expectSame(tree, image, [halfPair, 'half \ufffd\ufffd\ufffd pair'])).toBeGreaterThan(1200);
      const old = await nodeAt(tree, 'Program Files of Old');
      expect(old.linkCount).toBe(1);
      expect(await namesIn(tree, tree.root)).toEqual(['Folder', halfPair, 'Program Files of Old']);
      expect(await nodeAt(tree, halfPair)).toMatchObject({ kind: 'file', lengthBytes: 4 });

      const content = async (path: string) => {
        const file = await tree.open(await nodeAt(tree, path));
        const bytes = Buffer.alloc(file.lengthBytes);
        await file.readInto(0, bytes);
        return bytes.toString();
      };
      for (const name of cases) expect(await content(`Folder/${name}`)).toBe(name);
      expect(cases).toContain(await content('fOLDER/rEADmE'));
      expect(await content('FOLDER/NAME 777 ' + '€'.repeat(177))).toBe('777');
      expect(await content('folder/Я')).toBe('я');
      expect(await tree.find(await nodeAt(tree, 'folder'), 'name 1200')).toBeNull();
      expect(await tree.find(tree.root, '$MFT')).toBeNull();
    });
  });

  test('half a surrogate pair, and the letters that it is shown as, are two names', async () => {
    const names = [
      [Buffer.from('eda0bd', 'hex'), '\\ud83d'],
      [Buffer.from('\\ud83d'), '\\x5cud83d'],
      [Buffer.from('\\x5cud83d'), '\\x5cx5cud83d'],
    ] as const;
    const fill = (root: string) => {
      for (const [bytes, shown] of names) writeFileSync(Buffer.concat([Buffer.from(`${root}/`), bytes]), shown);
    };
    await lookInto(32 * MIB, fill, async (tree) => {
      expect((await namesIn(tree, tree.root)).sort()).toEqual(names.map(([, shown]) => shown).sort());
      for (const [, shown] of names) {
        const file = await tree.open(await nodeAt(tree, shown));
        const bytes = Buffer.alloc(file.lengthBytes);
        await file.readInto(0, bytes);
        expect(bytes.toString()).toBe(shown);
      }
    });
  });

  test.for(['interix', 'wsl'])('links and devices of the kind %s', async (kind, context) => {
    proves(context, filesOf('links and devices of Linux'));
    const fill = (root: string) => {
      symlinkSync('some/where', join(root, 'link'));
      symlinkSync('/ünï/cødé/日本', join(root, 'link to the root'));
      symlinkSync('x'.repeat(3000), join(root, 'long link'));
      run('mkfifo', [join(root, 'fifo')]);
      run('mknod', [join(root, 'character device'), 'c', '1', '3']);
      run('mknod', [join(root, 'block device'), 'b', '7', '300']);
      run('python3', [
        '-c',
        'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])',
        join(root, 'socket'),
      ]);
    };
    const look = async (tree: FileTree, image: string) => {
      expect(await expectSame(tree, image)).toBe(7);
      for (const kind of ['fifo', 'character device', 'block device', 'socket']) {
        expect((await nodeAt(tree, kind)).kind).toBe(kind.replace(' ', '-'));
      }
    };
    await lookInto(16 * MIB, fill, look, `special_files=${kind}`);
  });

  test('symbolic links and junctions of Windows', async (context) => {
    proves(context, filesOf('symbolic links and junctions'));
    const links: [string, number, Buffer, string][] = [
      ['relative', 0xa000000c, linkData('target\\file.txt', 'target\\file.txt', 1), 'target/file.txt'],
      ['absolute', 0xa000000c, linkData('\\??\\C:\\target\\file.txt', 'C:\\target\\file.txt', 0), 'C:/target/file.txt'],
      ['without a name to print', 0xa000000c, linkData('\\??\\C:\\target\\file.txt', '', 0), 'C:/target/file.txt'],
      ['junction', 0xa0000003, linkData('\\??\\C:\\target', 'C:\\target'), 'C:/target'],
      ['volume', 0xa0000003, linkData('\\??\\Volume{0b5b1b3e-0000}\\', ''), 'Volume{0b5b1b3e-0000}/'],
      ['of Linux', 0xa000001d, Buffer.concat([Buffer.from([2, 0, 0, 0]), Buffer.from('tärget/file')]), 'tärget/file'],
    ];
    const fill = (root: string) => {
      mkdirSync(join(root, 'target'));
      writeFileSync(join(root, 'target', 'file.txt'), 'target');
      for (const [name, tag, data] of links) {
        const path = join(root, name);
        if (tag === 0xa0000003) mkdirSync(path);
        else writeFileSync(path, '');
        setAttribute(path, 'system.ntfs_reparse_data', reparsePoint(tag, data));
      }
    };
    await lookInto(16 * MIB, fill, async (tree, image) => {
      for (const [name, , , target] of links) {
        const node = await nodeAt(tree, name);
        expect(node.kind, name).toBe('link');
        expect(await tree.readLink(node)).toBe(target);
      }
      await withNtfs3g(image, 'ro', (root) => {
        expect(readlinkSync(join(root, 'relative'))).toBe('target/file.txt');
        expect(readlinkSync(join(root, 'of Linux'))).toBe('tärget/file');
        // where it finds the target on the volume, it makes a path from its mount point of it
        for (const name of ['absolute', 'junction']) {
          expect(readlinkSync(join(root, name))).toContain(links.find((link) => link[0] === name)![3].slice(3));
        }
      });
    });
  });

  test('compressed files', async (context) => {
    proves(context, filesOf('compressed files'));
    const fill = (root: string) => {
      const write = (name: string, bytes: Buffer) => writeFileSync(join(root, 'packed', name), bytes);
      mkdirSync(join(root, 'packed'));
      // FILE_ATTRIBUTE_COMPRESSED, for all that is made in it
      setAttribute(join(root, 'packed'), 'system.ntfs_attrib_be', Buffer.from('00000810', 'hex'));
      write('text', packable(3 * MIB));
      write('text and noise', Buffer.concat([packable(200_000), noise('unit', 300_000), packable(100_001)]));
      write('zeros', Buffer.alloc(500_000));
      write('one byte again and again', Buffer.alloc(500_000, 0x41));
      write('half of a unit', packable(33_000));
      write('a unit and a byte', packable(64 * KIB + 1));
      write('noise', noise('noise', 300_000));
      write('a little', packable(700));
      write('cut off', packable(400_000));
      truncateSync(join(root, 'packed', 'cut off'), 150_000);
      write('with a hole', packable(100_000));
      const file = openSync(join(root, 'packed', 'with a hole'), 'r+');
      writeSync(file, packable(100_000), 0, 100_000, 900_000);
      closeSync(file);
      for (let i = 0; i < 50; i++) appendFileSync(join(root, 'packed', 'piece by piece'), packable(7777));
    };
    const look = async (tree: FileTree, image: string, source: CountingSource) => {
      const text = await nodeAt(tree, 'packed/text');
      expect(run('ntfsinfo', ['-f', '-i', text.id, image])).toMatch(/Attribute flags:\s+0x0001/);
      expect(await expectSame(tree, image)).toBe(12);
      // stored in less than half of its length
      let storedBytes = 0;
      for await (const batch of tree.extents(text, signal))
        storedBytes += batch.reduce((sum, e) => sum + e.lengthBytes, 0);
      expect(storedBytes).toBeLessThan(text.lengthBytes / 2);
      const content = await tree.open(text);
      source.reads = 0;
      for (let at = 0; at < content.lengthBytes; at += 10_000) {
        await content.readInto(at, Buffer.alloc(Math.min(10_000, content.lengthBytes - at)));
      }
      expect(source.reads).toBeLessThan(60);
    };
    await lookInto(32 * MIB, fill, look, 'compression');
  });

  test('what was never written reads as zeros', async (context) => {
    proves(context, filesOf('sparse files'));
    const fill = (root: string) => {
      writeFileSync(join(root, 'begun'), noise('begun', 300_000));
      const file = openSync(join(root, 'hole in front'), 'w');
      writeSync(file, noise('behind', 5000), 0, 5000, 3 * MIB);
      closeSync(file);
    };
    const image = makeNtfs(join(folder, 'begun.img'), 16 * MIB);
    await withNtfs3g(image, '', fill);
    let number = 0;
    await opened(image, async (tree) => void (number = Number((await nodeAt(tree, 'begun')).id)));
    // Windows moves the end of a file at once, and this mark when it is written
    editRecordOfImage(image, number, (record) => attributeOf(record, 0x80).writeBigUInt64LE(123_456n, 56));
    await opened(image, async (tree) => {
      await expectSame(tree, image);
      const content = await tree.open(await nodeAt(tree, 'begun'));
      const bytes = Buffer.alloc(300_000, 0xee);
      await content.readInto(0, bytes);
      expect(bytes.equals(Buffer.concat([noise('begun', 300_000).subarray(0, 123_456), Buffer.alloc(176_544)]))).toBe(
        true,
      );
    });
    rmSync(image);
  });

  test('a large file is read with few reads', async () => {
    const mib = (i: number) => Buffer.alloc(MIB, `this is MiB ${i} of them`);
    const fill = (root: string) => {
      for (let i = 0; i < 24; i++) appendFileSync(join(root, 'large'), mib(i));
    };
    await lookInto(48 * MIB, fill, async (tree, _image, source) => {
      const content = await tree.open(await nodeAt(tree, 'large'));
      const piece = Buffer.alloc(MIB);
      source.reads = 0;
      for (let i = 0; i < 24; i++) {
        await content.readInto(i * MIB, piece);
        expect(piece.equals(mib(i))).toBe(true);
      }
      expect(source.reads).toBeLessThan(40);
    });
  });

  test('second streams of a file are not its content, but they are its clusters', async () => {
    const fill = (root: string) => {
      writeFileSync(join(root, 'two streams'), 'first');
      writeFileSync(join(root, 'two streams:second'), noise('second', 50_000));
    };
    const look = async (tree: FileTree) => {
      const node = await nodeAt(tree, 'two streams');
      expect(node.lengthBytes).toBe(5);
      let clusters = 0;
      for await (const batch of tree.extents(node, signal))
        clusters += batch.reduce((sum, e) => sum + e.lengthBytes, 0);
      expect(clusters).toBe(53_248);
    };
    await lookInto(16 * MIB, fill, look, 'streams_interface=windows');
  });

  test('files that only their own driver can make out are refused by name', async () => {
    const fill = (root: string) => {
      for (const name of ['system compressed', 'deduplicated', 'encrypted'])
        writeFileSync(join(root, name), noise(name, 9000));
      const wof = Buffer.alloc(16);
      wof.writeUInt32LE(1, 0);
      wof.writeUInt32LE(2, 4);
      setAttribute(join(root, 'system compressed'), 'system.ntfs_reparse_data', reparsePoint(0x80000017, wof));
      setAttribute(join(root, 'deduplicated'), 'system.ntfs_reparse_data', reparsePoint(0x80000013, Buffer.alloc(40)));
    };
    const image = makeNtfs(join(folder, 'foreign.img'), 16 * MIB);
    await withNtfs3g(image, '', fill);
    let encrypted = 0;
    await opened(image, async (tree) => void (encrypted = Number((await nodeAt(tree, 'encrypted')).id)));
    editRecordOfImage(image, encrypted, (record) => attributeOf(record, 0x80).writeUInt16LE(0x4000, 12));
    await opened(image, async (tree) => {
      for (const [name, feature] of [
        ['system compressed', 'WOF compression'],
        ['deduplicated', 'data deduplication'],
        ['encrypted', 'EFS encryption'],
      ]) {
        const node = await nodeAt(tree, name);
        expect(node).toMatchObject({ kind: 'file', lengthBytes: 9000 });
        await expect(tree.open(node)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED', data: { feature } });
      }
    });
    rmSync(image);
  });
});
