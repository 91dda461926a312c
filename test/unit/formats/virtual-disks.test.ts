/** The parts that the formats of virtual disks share. */
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import type { BlockSource } from '../../../src-engine/disk/block-source.port.ts';
import { ClusterCutter } from '../../../src-engine/formats/cluster-cutter.ts';
import type { ImageMap, Piece } from '../../../src-engine/formats/image-map.port.ts';
import { InOrder } from '../../../src-engine/formats/in-order.ts';
import { mappedImage } from '../../../src-engine/formats/mapped-image.ts';
import { splitBySectors } from '../../../src-engine/formats/sector-bitmap.ts';
import { checkSiblingName, isSiblingName, withoutDot } from '../../../src-engine/formats/sibling-name.ts';
import { Slots } from '../../../src-engine/formats/slots.ts';
import { runsOfData } from '../../../src-engine/formats/zeros.ts';

describe('names of files beside an image', () => {
  test('plain names are taken as they are', () => {
    for (const name of ['a', 'base.qcow2', 'été 2.vmdk', '..a', 'a..b', '-', '~', 'x'.repeat(255)]) {
      expect(isSiblingName(name), name).toBe(true);
      expect(checkSiblingName(name)).toBe(name);
    }
  });

  test('what leads elsewhere on some system is refused, and named', () => {
    const names = [
      '',
      '.',
      '..',
      '/',
      'a/b',
      '../a',
      'a\\b',
      '..\\a',
      'C:a',
      'nbd:x',
      'json:{}',
      'a\0b',
      'a\nb',
      'x'.repeat(256),
    ];
    for (const name of names) {
      expect(isSiblingName(name), name).toBe(false);
      expect(() => checkSiblingName(name)).toThrow('FORMAT_UNSUPPORTED');
    }
    expect(() => checkSiblingName('/etc/passwd')).toThrow('(/etc/passwd)');
  });

  test("only one dot of Windows' paths is dropped", () => {
    expect(withoutDot('.\\a.vhd')).toBe('a.vhd');
    expect(isSiblingName(withoutDot('..\\a.vhd'))).toBe(false);
    expect(isSiblingName(withoutDot('.\\.\\a.vhd'))).toBe(false);
  });
});

/** A disk of pieces of 10 bytes each, told a few at a time. */
function imageOf(pieces: Piece[], parent: BlockSource | null = null, unpack?: ImageMap['unpack']) {
  const map: ImageMap = {
    lengthBytes: pieces.length * 10,
    clusterBytes: 10,
    async pieces(startBytes, wantedBytes) {
      const index = Math.floor(startBytes / 10);
      const skip = startBytes % 10;
      const piece = pieces[index];
      const lengthBytes = Math.min(10 - skip, wantedBytes);
      if (piece.kind === 'stored') return [{ ...piece, offsetBytes: piece.offsetBytes + skip, lengthBytes }];
      return [piece.kind === 'packed' ? { ...piece, skipBytes: skip, lengthBytes } : { ...piece, lengthBytes }];
    },
    unpack,
  };
  return mappedImage({ map, parent, owned: [] });
}

async function allRuns(source: BlockSource, from = 0, length = source.lengthBytes) {
  const runs: number[][] = [];
  for await (const batch of source.dataRuns!(from, length, new AbortController().signal)) {
    runs.push(...batch.map(({ startBytes, lengthBytes }) => [startBytes, lengthBytes]));
  }
  return runs;
}

describe('a mapped image', () => {
  const file = memorySource(Buffer.from('0123456789abcdefghijklmnopqrst'));
  const stored = (offsetBytes: number): Piece => ({ kind: 'stored', file, offsetBytes, lengthBytes: 10 });
  const zeros: Piece = { kind: 'zeros', lengthBytes: 10 };
  const parent: Piece = { kind: 'parent', lengthBytes: 10 };
  const missing: Piece = { kind: 'missing', file, neededBytes: 99, lengthBytes: 10 };

  test('reads what is stored, zeros, and its parent as far as that goes', async () => {
    const source = imageOf([stored(20), zeros, parent, stored(0), parent], memorySource(Buffer.alloc(43, 'P')));
    const into = Buffer.alloc(50, 'x');
    await source.readInto(0, into);
    expect(into.toString('latin1')).toBe(`klmnopqrst${'\0'.repeat(10)}PPPPPPPPPP0123456789PPP${'\0'.repeat(7)}`);
    const part = Buffer.alloc(8);
    await source.readInto(26, part);
    expect(part.toString()).toBe('PPPP0123');
    expect(await allRuns(source)).toEqual([
      [0, 10],
      [20, 23],
    ]);
    expect(await allRuns(source, 5, 20)).toEqual([
      [5, 5],
      [20, 5],
    ]);
    await expect(source.readInto(45, Buffer.alloc(6))).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  });

  test('compressed neighbours are read in one go, and kept where a part was wanted', async () => {
    const reads: number[][] = [];
    const packedFile: BlockSource = {
      ...file,
      async readInto(offsetBytes, into) {
        reads.push([offsetBytes, into.length]);
        await file.readInto(offsetBytes, into);
      },
    };
    const packed = (offsetBytes: number): Piece => {
      return { kind: 'packed', file: packedFile, offsetBytes, packedBytes: 3, skipBytes: 0, lengthBytes: 10 };
    };
    const unpack = async (bytes: Buffer) => Buffer.from(bytes.toString().slice(0, 1).repeat(10));
    const source = imageOf([packed(0), packed(3), packed(5), packed(20)], null, unpack);
    const into = Buffer.alloc(40);
    await source.readInto(0, into);
    expect(into.toString()).toBe('0000000000333333333355555555' + '55kkkkkkkkkk');
    expect(reads).toEqual([
      [0, 8],
      [20, 3],
    ]);
    await source.readInto(15, into.subarray(0, 3));
    await source.readInto(12, into.subarray(0, 3));
    expect(reads.length).toBe(3);
  });

  test('clusters that do not unpack, or to another length, are an error that says where', async () => {
    const packed: Piece = { kind: 'packed', file, offsetBytes: 4, packedBytes: 3, skipBytes: 0, lengthBytes: 10 };
    for (const unpack of [async () => Buffer.alloc(9), () => Promise.reject(new Error('bad'))]) {
      const source = imageOf([packed], null, unpack);
      const error = { code: 'FORMAT_INVALID', data: { field: 'compressed cluster', value: '4' } };
      await expect(source.readInto(0, Buffer.alloc(10))).rejects.toMatchObject(error);
    }
    const cut = imageOf([{ ...packed, offsetBytes: 28 }], null, () => Promise.reject(new Error('bad')));
    const truncated = { code: 'FILE_TRUNCATED', data: { endBytes: 30, missingBytes: 1 } };
    await expect(cut.readInto(0, Buffer.alloc(10))).rejects.toMatchObject(truncated);
  });

  test('the runs of a file that was cut off end with how much is missing', async () => {
    const source = imageOf([stored(0), stored(25), stored(40), zeros, stored(10)]);
    const data = { endBytes: 30, missingBytes: 20 };
    await expect(allRuns(source)).rejects.toMatchObject({ code: 'FILE_TRUNCATED', data });
    expect(await allRuns(source, 10, 5)).toEqual([[10, 5]]);
    await expect(source.readInto(10, Buffer.alloc(6))).rejects.toMatchObject({ data: { missingBytes: 1 } });
    const more = imageOf([stored(25), missing, stored(0)]);
    await expect(allRuns(more)).rejects.toMatchObject({ data: { missingBytes: 69 } });
    await expect(more.readInto(11, Buffer.alloc(1))).rejects.toMatchObject({ data: { missingBytes: 69 } });
    await expect(allRuns(imageOf([stored(2 ** 50)]))).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  });

  test('nothing is written into memory after an error was told', async () => {
    let release = () => {};
    const slow: BlockSource = {
      ...file,
      readInto: (_, into) => new Promise((resolve) => (release = () => resolve(void into.fill(1)))),
    };
    const source = imageOf([{ kind: 'stored', file: slow, offsetBytes: 0, lengthBytes: 10 }, missing]);
    const into = Buffer.alloc(20);
    let isTold = false;
    const reading = source.readInto(0, into).catch(() => (isTold = true));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(isTold).toBe(false);
    release();
    await reading;
    expect(isTold).toBe(true);
  });
});

test('sectors here and elsewhere, of a stretch that begins anywhere', () => {
  const told: string[] = [];
  const split = (skip: number, length: number) => {
    told.length = 0;
    const here = (from: number, bytes: number) => void told.push(`+${from}:${bytes}`);
    splitBySectors(Uint8Array.of(0b0110_1110, 0x01), 512, skip, length, here, (bytes) => void told.push(`-${bytes}`));
    return told.join(' ');
  };
  expect(split(0, 9 * 512)).toBe('-512 +512:1536 -512 +2560:1024 -512 +4096:512');
  expect(split(600, 100)).toBe('+600:100');
  expect(split(100, 500)).toBe('-412 +512:88');
  expect(split(3584, 512)).toBe('-512');
});

test('runs of data begin where blocks of the disk do', () => {
  const bytes = Buffer.alloc(3 * 4096);
  bytes[5000] = 1;
  const runs = (offset: number) => [...runsOfData(offset, bytes)].map(({ start, end }) => [start, end]);
  expect(runs(0)).toEqual([[4096, 8192]]);
  expect(runs(8192 + 100)).toEqual([[3996, 8092]]);
  expect([...runsOfData(0, Buffer.alloc(9000))]).toEqual([]);
});

describe('clusters', () => {
  async function cut(writes: [offset: number, text: string][]) {
    const clusters: [number, string][] = [];
    const cutter = new ClusterCutter(4, 100, async (index, cluster) => {
      clusters.push([index, cluster.toString('latin1').replaceAll('\0', '.')]);
    });
    for (const [offset, text] of writes) await cutter.write(offset, Buffer.from(text.replaceAll('.', '\0'), 'latin1'));
    await cutter.finish();
    return clusters;
  }

  test('are put together from pieces, and left out where they are zeros', async () => {
    expect(await cut([[0, 'abcdefgh']])).toEqual([
      [0, 'abcd'],
      [1, 'efgh'],
    ]);
    expect(
      await cut([
        [1, 'a'],
        [3, 'bc'],
        [9, 'defg'],
      ]),
    ).toEqual([
      [0, '.a.b'],
      [1, 'c...'],
      [2, '.def'],
      [3, 'g...'],
    ]);
    expect(
      await cut([
        [0, '....'],
        [5, '..'],
        [8, 'x...'],
      ]),
    ).toEqual([[2, 'x...']]);
    await expect(cut([[98, 'abc']])).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  });
});

describe('work side by side', () => {
  const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

  test('no more at once than there are places', async () => {
    const slots = new Slots(3);
    let now = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++now);
      await after(1);
      now--;
    };
    await Promise.all(Array.from({ length: 20 }, () => slots.run(work)));
    expect(most).toBe(3);
  });

  test('results are taken in order, one at a time', async () => {
    const taken: number[] = [];
    let isTaking = false;
    const work = new InOrder<number>(async (number) => {
      expect(isTaking).toBe(false);
      isTaking = true;
      await after(number % 3);
      isTaking = false;
      taken.push(number);
    });
    for (let i = 0; i < 40; i++) await work.add(async () => (await after((i * 7) % 5), i));
    await work.finish();
    expect(taken).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  test('the first error ends it, wherever it came from', async () => {
    for (const isTake of [true, false]) {
      const taken: number[] = [];
      const work = new InOrder<number>(async (number) => {
        if (isTake && number === 3) throw new Error('three');
        taken.push(number);
      });
      const all = async () => {
        for (let i = 0; i < 100; i++) {
          await work.add(async () => {
            if (!isTake && i === 3) throw new Error('three');
            return i;
          });
        }
        await work.finish();
      };
      await expect(all()).rejects.toThrow('three');
      await work.settle();
      expect(taken).toEqual([0, 1, 2]);
    }
  });
});
