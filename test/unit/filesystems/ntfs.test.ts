import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { memoryContent } from '../../../src-engine/filesystems/mapped-content.ts';
import type { NonResidentAttribute } from '../../../src-engine/filesystems/ntfs/attributes.ts';
import { readBootSector } from '../../../src-engine/filesystems/ntfs/boot-sector.ts';
import { applyFixups } from '../../../src-engine/filesystems/ntfs/fixups.ts';
import { interixKind, interixTarget } from '../../../src-engine/filesystems/ntfs/interix.ts';
import { unpackLznt1 } from '../../../src-engine/filesystems/ntfs/lznt1.ts';
import { shownWideName, wideNameOf } from '../../../src-engine/filesystems/names.ts';
import { compareNames, namesOfText } from '../../../src-engine/filesystems/ntfs/names.ts';
import { linkTarget } from '../../../src-engine/filesystems/ntfs/reparse-points.ts';
import { decodeRuns, runAt } from '../../../src-engine/filesystems/ntfs/runs.ts';
import { linkData, withFixups } from '../../support/ntfs.ts';

const invalid = expect.objectContaining({ code: 'FORMAT_INVALID' });

describe('the boot sector', () => {
  const boot = (change: (sector: Buffer) => void = () => {}): Buffer => {
    const sector = Buffer.alloc(512);
    sector.write('NTFS    ', 3, 'latin1');
    sector.writeUInt16LE(512, 0x0b);
    sector.writeUInt8(8, 0x0d);
    sector.writeBigUInt64LE(32_767n, 0x28);
    sector.writeBigUInt64LE(4n, 0x30);
    sector.writeInt8(-10, 0x40);
    sector.writeBigUInt64LE(0x0123456789abcdefn, 0x48);
    change(sector);
    return sector;
  };
  const read = (change?: (sector: Buffer) => void) => readBootSector(memorySource(boot(change)));

  test('says where everything is', async () => {
    expect(await read()).toEqual({
      sectorBytes: 512,
      clusterBytes: 4096,
      clusterCount: 4095,
      backupBootBytes: 32_767 * 512,
      mftLcn: 4,
      mftMirrLcn: 0,
      recordBytes: 1024,
      uuid: '0123456789ABCDEF',
    });
  });

  test('has large clusters as negative powers of two', async () => {
    const large = (sector: Buffer) => {
      sector.writeUInt8(0xf4, 0x0d);
      sector.writeBigUInt64LE(2n ** 20n, 0x28);
    };
    expect(await read(large)).toMatchObject({ clusterBytes: 2 * 1024 * 1024, clusterCount: 256 });
    const sectorsOf4K = (sector: Buffer) => (
      large(sector),
      sector.writeUInt16LE(4096, 0x0b),
      sector.writeUInt8(0xf7, 0x0d)
    );
    expect(await read(sectorsOf4K)).toMatchObject({ sectorBytes: 4096, clusterBytes: 2 * 1024 * 1024 });
  });

  test('may have records of whole clusters', async () => {
    expect(await read((sector) => sector.writeUInt8(1, 0x40))).toMatchObject({ recordBytes: 4096 });
  });

  test('of others is none', async () => {
    expect(await read((sector) => sector.write('MSDOS5.0', 3, 'latin1'))).toBeNull();
    expect(await readBootSector(memorySource(boot().subarray(0, 511)))).toBeNull();
  });

  test.each<[string, (sector: Buffer) => void]>([
    ['sectors of 513 bytes', (sector) => sector.writeUInt16LE(513, 0x0b)],
    ['sectors of 8 KiB', (sector) => sector.writeUInt16LE(8192, 0x0b)],
    ['clusters of no sectors', (sector) => sector.writeUInt8(0, 0x0d)],
    ['clusters of 3 sectors', (sector) => sector.writeUInt8(3, 0x0d)],
    ['clusters of 4 MiB', (sector) => sector.writeUInt8(0xf3, 0x0d)],
    ['clusters of 2^127 sectors', (sector) => sector.writeUInt8(0x81, 0x0d)],
    ['no sectors', (sector) => sector.writeBigUInt64LE(0n, 0x28)],
    ['2^64 sectors', (sector) => sector.writeBigUInt64LE(2n ** 64n - 1n, 0x28)],
    ['its $MFT behind the end', (sector) => sector.writeBigUInt64LE(4095n, 0x30)],
    ['its $MFT in front of itself', (sector) => sector.writeBigUInt64LE(0n, 0x30)],
    ['records of no clusters', (sector) => sector.writeUInt8(0, 0x40)],
    ['records of 2^127 bytes', (sector) => sector.writeUInt8(0x81, 0x40)],
    ['records of 256 bytes', (sector) => sector.writeInt8(-8, 0x40)],
  ])('with %s is damaged', async (_, change) => {
    await expect(read((sector) => void change(sector))).rejects.toEqual(invalid);
  });
});

describe('fixups', () => {
  const record = (): Buffer => {
    const bytes = Buffer.alloc(1024, 'abcdefgh');
    bytes.write('FILE', 0, 'latin1');
    bytes.writeUInt16LE(48, 4);
    bytes.writeUInt16LE(3, 6);
    bytes.writeUInt16LE(0x1234, 48);
    return bytes;
  };

  test('put the ends of sectors back', () => {
    const bytes = record();
    withFixups(bytes);
    expect([bytes.readUInt16LE(510), bytes.readUInt16LE(1022)]).toEqual([0x1234, 0x1234]);
    applyFixups(bytes, 'FILE');
    expect(bytes.toString('latin1', 504, 512)).toBe('abcdefgh');
    expect(bytes.toString('latin1', 1016)).toBe('abcdefgh');
  });

  test.each<[string, (bytes: Buffer) => void]>([
    ['a sector of another time', (bytes) => bytes.writeUInt16LE(0x1233, 1022)],
    ['another magic', (bytes) => bytes.write('BAAD', 0, 'latin1')],
    ['too few numbers', (bytes) => bytes.writeUInt16LE(2, 6)],
    ['numbers at the end of a sector', (bytes) => bytes.writeUInt16LE(506, 4)],
    ['numbers in the header', (bytes) => bytes.writeUInt16LE(0, 4)],
  ])('refuse %s', (_, change) => {
    const bytes = record();
    withFixups(bytes);
    change(bytes);
    expect(() => applyFixups(bytes, 'FILE')).toThrow(invalid as Error);
  });
});

describe('runs', () => {
  const attribute = (pairs: string, highestVcn: number, lowestVcn = 0): NonResidentAttribute => ({
    type: 0x80,
    name: '',
    isCompressed: false,
    isEncrypted: false,
    value: null,
    lowestVcn,
    highestVcn,
    mappingPairs: Buffer.from(pairs, 'hex'),
    unitClusters: 1,
    dataBytes: 0,
    initializedBytes: 0,
  });

  // the examples of the Linux-NTFS documentation
  test.each([
    ['one', '2118345600', 0x17, [{ vcn: 0, lcn: 0x5634, count: 0x18 }]],
    [
      'of a fragmented file',
      '313873253432140 1e511023142aa000300'.replace(' ', ''),
      0x18d,
      [
        { vcn: 0, lcn: 0x342573, count: 0x38 },
        { vcn: 0x38, lcn: 0x363758, count: 0x114 },
        { vcn: 0x14c, lcn: 0x393802, count: 0x42 },
      ],
    ],
    [
      'with a hole',
      '113020016011103000',
      0x9f,
      [
        { vcn: 0, lcn: 0x20, count: 0x30 },
        { vcn: 0x30, lcn: null, count: 0x60 },
        { vcn: 0x90, lcn: 0x50, count: 0x10 },
      ],
    ],
    [
      'that go back',
      '11306011 10e000'.replace(' ', ''),
      0x3f,
      [
        { vcn: 0, lcn: 0x60, count: 0x30 },
        { vcn: 0x30, lcn: 0x40, count: 0x10 },
      ],
    ],
    ['with numbers of eight bytes', '8803000000000000000500000000000000', 2, [{ vcn: 0, lcn: 5, count: 3 }]],
    ['of nothing', '00', -1, []],
  ])('%s', (_, pairs, highestVcn, runs) => {
    expect(decodeRuns(attribute(pairs, highestVcn), 2 ** 24)).toEqual(runs);
  });

  test('of a later part go on where the part begins', () => {
    expect(decodeRuns(attribute('11302000', 0x8f, 0x60), 0x1000)).toEqual([{ vcn: 0x60, lcn: 0x20, count: 0x30 }]);
  });

  test.each([
    ['before the volume', '1130e000', 0x2f],
    ['behind the volume', '2130001000', 0x2f],
    ['over its end', '213ff00f00', 0x3e],
    ['of no clusters', '11002000', -1],
    ['of fewer than no clusters', '11ff2000', -1],
    ['of more clusters than there can be', '81ffffffffffffff7f2000', 1],
    ['in numbers of nine bytes', '19010000000000000000002000', 0],
    ['that are cut off', '4130', 0x2f],
    ['that end before they should', '11302000', 0x30],
    ['that end behind it', '11302000', 0x2e],
  ])('%s are refused', (_, pairs, highestVcn) => {
    expect(() => decodeRuns(attribute(pairs, highestVcn), 0x1000)).toThrow(invalid as Error);
  });

  test('are found by the cluster that they hold', () => {
    const runs = [
      { vcn: 0, lcn: 5, count: 3 },
      { vcn: 3, lcn: null, count: 1 },
      { vcn: 4, lcn: 9, count: 10 },
    ];
    expect([0, 2, 3, 4, 13, 14].map((vcn) => runAt(runs, vcn))).toEqual([0, 0, 1, 2, 2, 3]);
  });
});

describe('LZNT1', () => {
  const unpack = (hex: string, lengthBytes: number): Buffer => {
    const into = Buffer.alloc(lengthBytes, 0xee);
    unpackLznt1(Buffer.from(hex, 'hex'), into);
    return into;
  };

  test('the example of [MS-XCA]', () => {
    const packed =
      '38b08846232000204720410010a24701a045204400084501507900c045200524138805b4024a44ef0358028c091601484500be009e000401189000';
    const text =
      'F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\0';
    expect(unpack(packed, text.length).toString('latin1')).toBe(text);
  });

  test('a byte that is repeated, and zeros behind the last one', () => {
    expect(unpack('03b002410c000000', 8192).equals(Buffer.concat([Buffer.alloc(16, 'A'), Buffer.alloc(8176)]))).toBe(
      true,
    );
  });

  test('chunks that are stored as they are', () => {
    const stored = Buffer.concat([
      Buffer.from('ff3f', 'hex'),
      Buffer.alloc(4096, 'chunk'),
      Buffer.from('0230616263', 'hex'),
    ]);
    expect(unpack(stored.toString('hex'), 4099).toString('latin1')).toBe(
      `${Buffer.alloc(4096, 'chunk').toString()}abc`,
    );
  });

  test.each([
    ['a chunk longer than what there is', 'ffb000'],
    ['what is before the chunk', '02b0010000'],
    ['half a token', '02b0024100'],
  ])('refuses %s', (_, packed) => {
    expect(() => unpack(packed, 4096)).toThrow(invalid as Error);
  });

  test('never writes more than it was asked for', () => {
    const into = Buffer.alloc(200, 0xee);
    unpackLznt1(Buffer.from('03b00241ff0f0000', 'hex'), into.subarray(0, 100));
    expect(into.equals(Buffer.concat([Buffer.alloc(100, 'A'), Buffer.alloc(100, 0xee)]))).toBe(true);
  });
});

describe('names', () => {
  test('keep halves of surrogate pairs as text', () => {
    expect(shownWideName('a\ud83d\ude00b')).toBe('a\ud83d\ude00b');
    expect(shownWideName('\ude00\ud83d')).toBe('\\ude00\\ud83d');
    expect(namesOfText('\\ude00x')).toEqual(['\ude00x', '\\ude00x']);
    expect(namesOfText('\\u0041')).toEqual(['\\u0041']);
  });

  test('no two that differ are shown alike, and what is shown leads back', () => {
    const parts = ['\\', '\ud83d', '\ude00', '\\ud83d', '\\x5c', 'x5c', '\\x41', 'ud83d', 'é'];
    const names = new Set(parts.flatMap((a) => parts.flatMap((b) => parts.map((c) => a + b + c))));
    const shown = new Set([...names].map(shownWideName));
    expect(shown.size).toBe(names.size);
    for (const name of shown) expect(name.isWellFormed()).toBe(true);
    for (const name of names) expect(wideNameOf(shownWideName(name))).toBe(name);
  });

  test('are compared by upper case and length', () => {
    const upCase = Uint16Array.from({ length: 65_536 }, (_, unit) => (unit >= 97 && unit <= 122 ? unit - 32 : unit));
    expect(compareNames(upCase, 'Name', 'nAME')).toBe(0);
    expect(compareNames(upCase, 'name', 'name2')).toBeLessThan(0);
    expect(compareNames(upCase, 'b', 'A')).toBeGreaterThan(0);
    expect(compareNames(upCase, '_', 'a')).toBeGreaterThan(0);
  });
});

describe('links', () => {
  const SYMLINK = 0xa000000c;
  const target = (data: Buffer, tag: number = SYMLINK) => linkTarget({ tag, data, kind: 'link' });

  test('are what is printed, or else what is meant', () => {
    expect(target(linkData('\\??\\D:\\a\\b', 'D:\\a\\b', 0))).toBe('D:/a/b');
    expect(target(linkData('\\??\\UNC\\server\\share', '', 0))).toBe('UNC/server/share');
    expect(target(linkData('..\\a', '..\\a', 1))).toBe('../a');
  });

  test.each([
    ['no data', Buffer.alloc(0)],
    ['no room for a text', linkData('a', 'a', 1).subarray(0, 12)],
    ['a text behind the end', Buffer.from('000000000000ffff00000000', 'hex')],
  ])('with %s are refused', (_, data) => {
    expect(() => target(data)).toThrow(invalid as Error);
  });

  test('of Interix', async () => {
    const content = (text: string) => memoryContent(Buffer.from(text, 'latin1'));
    expect(await interixKind(content(''), false)).toBe('fifo');
    expect(await interixKind(content('\0'), false)).toBe('socket');
    expect(await interixKind(content('IntxLNK\x01a\0/\0b\0'), false)).toBe('link');
    expect(await interixKind(content(''), true)).toBe('file');
    expect(await interixKind(content('1'), true)).toBe('file');
    expect(await interixTarget(content('IntxLNK\x01a\0/\0b\0'))).toBe('a/b');
    expect(await interixKind(content('IntxCHR'), false)).toBe('file');
    expect(await interixKind(content('IntxLNK\x01'.padEnd(9000)), false)).toBe('file');
  });
});
