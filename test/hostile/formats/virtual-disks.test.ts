/** Hostile images: headers, tables, descriptors and logs that lie, with checksums put right so that the lies reach the reader. */
import { beforeAll, describe, expect, test } from 'vitest';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { buildVhd, sealFooter, sealHeader } from '../../integ/formats/build-vhd.ts';
import { buildVhdx, KIB, logEntry, markLog, MIB, putInLog, regionsOf, seal } from '../../integ/formats/build-vhdx.ts';
import { mutate, MUTATIONS, randomBelow, restoring, type Region } from '../filesystems/harmless.ts';
import { byQemu, mutateText, readHostileImage, RAW, type Folder } from './hostile-image.ts';

/** Of one kind of image; several kinds share what is asked of a format. */
const EACH = Math.ceil(MUTATIONS / 4);

interface Kind {
  readonly folder: Map<string, Buffer>;
  readonly name: string;
  /** a file of the folder that is changed */
  readonly changed: string;
  readonly regions: readonly Region[];
  /** puts checksums right */
  repair?(bytes: Buffer): void;
}

/** Every seed changes the file and reads the image, with checksums put right in three of four. */
async function attack({ folder, name, changed, regions, repair }: Kind, count: number): Promise<Map<string, number>> {
  expect(await readHostileImage(folder, name)).toBe('read');
  const bytes = folder.get(changed)!;
  const before = process.memoryUsage().rss;
  const outcomes = new Map<string, number>();
  for (let seed = 0; seed < count; seed++) {
    const outcome = await restoring(bytes, pagesOf(bytes, regions), async () => {
      mutate(bytes, regions, seed);
      if (seed % 4 !== 0) repair?.(bytes);
      return readHostileImage(folder, name);
    });
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(300 * MIB);
  expect(await readHostileImage(folder, name)).toBe('read');
  // lies are noticed, and not everything is taken for one
  expect(outcomes.get('FORMAT_INVALID') ?? 0).toBeGreaterThan(0);
  return outcomes;
}

/** What a mutation and the repair after it may change. */
function pagesOf(bytes: Buffer, regions: readonly Region[]): readonly Region[] {
  const pages = new Set<number>();
  for (const [start, length] of regions)
    for (let at = start - (start % 4096); at < start + length; at += 4096) pages.add(at);
  return [...pages, Math.max(0, bytes.length - 512)].map((at) => [at, Math.min(4096, bytes.length - at)]);
}

/** Files that end anywhere: an error that says so, or a part that is not needed. */
async function cutOff(folder: Folder, name: string, changed = name): Promise<void> {
  const whole = folder.get(changed)!;
  const cut = new Map(folder);
  for (let i = 0; i < 200; i++) {
    cut.set(changed, whole.subarray(0, Math.floor((whole.length * i) / 200) + (i % 3)));
    await readHostileImage(cut, name);
  }
}

const hostile = (subject: string) =>
  ({ subject, feature: 'mutated headers and tables', aspect: 'hostile', judge: 'bounds' }) as const;

describe('qcow2', () => {
  const kinds: [string, Kind][] = [];
  beforeAll(() => {
    const make = (label: string, options: string, extra: Region[], ...flags: string[]) => {
      const folder = byQemu('i', 'qcow2', [
        'qemu-img',
        'convert',
        '-O',
        'qcow2',
        ...flags,
        '-o',
        options,
        'disk.raw',
        'i',
      ]);
      const bytes = folder.get('i')!;
      const clusterBytes = 2 ** bytes.readUInt32BE(20);
      const l1 = Number(bytes.readBigUInt64BE(40));
      const l2 = Number(bytes.readBigUInt64BE(l1) & 0x00fffffffffffe00n);
      const regions: Region[] = [[0, 120], [l1, 16], [l2, Math.min(clusterBytes, 512)], ...extra];
      kinds.push([label, { folder, name: 'i', changed: 'i', regions }]);
    };
    make('plain', 'cluster_size=4k', []);
    make('zlib', 'cluster_size=64k', [[5 * 65_536, 65_536]], '-c');
    make('zstd', 'cluster_size=4k,compression_type=zstd', [[6 * 4096, 20 * 4096]], '-c');
    make('extended', 'cluster_size=16k,extended_l2=on', []);
  });

  test('headers, L1, L2 and compressed clusters', async (context) => {
    for (const [, kind] of kinds) await attack(kind, EACH);
    proves(context, hostile('qcow2'));
  });

  test('backing files: names and what is in them', async () => {
    const folder = byQemu(
      'top',
      'qcow2',
      ['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'disk.raw', '-F', 'raw', 'mid'],
      ['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'mid', '-F', 'qcow2', 'top'],
    );
    for (const changed of ['top', 'mid']) {
      const at = Number(folder.get(changed)!.readBigUInt64BE(8));
      await attack(
        {
          folder,
          name: 'top',
          changed,
          regions: [
            [0, 32],
            [104, 400],
            [at, 16],
          ],
        },
        EACH,
      );
    }
  });

  test('names that lead out of the folder are never opened', async () => {
    const folder = byQemu('i', 'qcow2', [
      'qemu-img',
      'create',
      '-q',
      '-f',
      'qcow2',
      '-b',
      'disk.raw',
      '-F',
      'raw',
      'i',
    ]);
    const bytes = folder.get('i')!;
    const at = Number(bytes.readBigUInt64BE(8));
    for (const name of [
      '/etc/passwd',
      '../x',
      'a/b',
      'a\\b',
      'C:x',
      'json:{"file":"disk.raw"}',
      'nbd://h/x',
      '..',
      'x\0y',
    ]) {
      bytes.writeUInt32BE(name.length, 16);
      bytes.write(name, at, 'latin1');
      expect(await readHostileImage(folder, 'i'), name).toBe('FORMAT_UNSUPPORTED');
    }
  });

  test('chains that are endless or too long', async () => {
    const folder = byQemu('i', 'qcow2', [
      'qemu-img',
      'create',
      '-q',
      '-f',
      'qcow2',
      '-b',
      'disk.raw',
      '-F',
      'raw',
      'i',
    ]);
    const bytes = folder.get('i')!;
    const at = Number(bytes.readBigUInt64BE(8));
    const link = (name: string, backing: string) => {
      const copy = Buffer.from(bytes.subarray(0, 8 * 65_536));
      // without the name of a format, which says that it is raw
      copy.writeUInt32BE(0, Number(copy.readUInt32BE(100)));
      copy.writeUInt32BE(backing.length, 16);
      copy.write(backing, at, 'latin1');
      folder.set(name, copy);
    };
    for (let i = 0; i < 100; i++) link(`n${i}`, `n${i + 1}`);
    link('n100', 'disk.raw');
    expect(await readHostileImage(folder, 'n0')).toBe('FORMAT_INVALID');
    expect(await readHostileImage(folder, 'n60')).toBe('read');
    link('n100', 'n98');
    expect(await readHostileImage(folder, 'n98')).toBe('FORMAT_INVALID');
  });

  test('cut off anywhere', async () => {
    for (const [, { folder }] of kinds) await cutOff(folder, 'i');
  });

  test('every entry of a table that leads to one cluster costs no more than reading it', async () => {
    const folder = byQemu('i', 'qcow2', ['qemu-img', 'convert', '-O', 'qcow2', '-c', 'disk.raw', 'i']);
    const bytes = folder.get('i')!;
    const l1 = Number(bytes.readBigUInt64BE(40));
    const l2 = Number(bytes.readBigUInt64BE(l1) & 0x00fffffffffffe00n);
    const entry = bytes.subarray(l2, l2 + 8);
    for (let at = 8; at < 65_536; at += 8) entry.copy(bytes, l2 + at);
    // 256 GiB, all of it that table
    const big = Buffer.concat([bytes], bytes.length + 65_536);
    big.writeBigUInt64BE(1n << 38n, 24);
    big.writeUInt32BE(512, 36);
    big.writeBigUInt64BE(BigInt(bytes.length - (bytes.length % 65_536) + 65_536), 40);
    const table = Buffer.alloc(512 * 8);
    for (let i = 0; i < 512; i++) table.writeBigUInt64BE(BigInt(l2), i * 8);
    folder.set('i', Buffer.concat([big.subarray(0, bytes.length - (bytes.length % 65_536) + 65_536), table]));
    expect(await readHostileImage(folder, 'i')).toBe('read');
  });
});

describe('VMDK', () => {
  const convert = (name: string, options: string) =>
    byQemu(name, 'vmdk', ['qemu-img', 'convert', '-O', 'vmdk', '-o', options, 'disk.raw', name]);

  test('headers, grain directories and tables, compressed grains', async (context) => {
    for (const subformat of ['monolithicSparse', 'streamOptimized']) {
      const folder = convert('i', `subformat=${subformat}`);
      const bytes = folder.get('i')!;
      const directory = Number(bytes.readBigUInt64LE(56)) * 512;
      const table = bytes.readUInt32LE(directory) * 512;
      const grain = bytes.readUInt32LE(table) * 512;
      const regions: Region[] = [
        [0, 96],
        [directory, 16],
        [table, 80],
        [grain, 2000],
      ];
      await attack({ folder, name: 'i', changed: 'i', regions }, 2 * EACH);
      await cutOff(folder, 'i');
    }
    proves(context, hostile('VMDK'));
  });

  test('descriptors, in files of their own and in others', async () => {
    for (const subformat of ['twoGbMaxExtentSparse', 'monolithicFlat', 'monolithicSparse']) {
      const folder = convert('i.vmdk', `subformat=${subformat}`);
      const whole = folder.get('i.vmdk')!;
      const at = whole.indexOf('# Disk Desc');
      const text = whole.toString('latin1', at).replace(/\0[^]*$/, '');
      for (let seed = 0; seed < EACH; seed++) {
        const changed = Buffer.from(mutateText(text, seed), 'latin1');
        const bytes = at === 0 ? changed : Buffer.from(whole);
        if (at > 0) changed.copy(bytes, at, 0, 20 * 512);
        await readHostileImage(new Map(folder).set('i.vmdk', bytes), 'i.vmdk');
      }
    }
  });

  test('extents and parents that lead out of the folder are never opened', async () => {
    const folder = new Map([['disk.raw', RAW]]);
    const extent = `RW ${RAW.length / 512} FLAT`;
    for (const name of ['/etc/passwd', '../disk.raw', 'a/b', 'a\\b', 'C:x', '\\\\.\\PhysicalDrive0', '', '..']) {
      const text = (lines: string) => folder.set('d', Buffer.from(`# Disk DescriptorFile\nCID=1\n${lines}\n`));
      text(`${extent} "${name}" 0`);
      expect(await readHostileImage(folder, 'd'), name).toBe('FORMAT_UNSUPPORTED');
      text(`${extent} "disk.raw" 0\nparentCID=2\nparentFileNameHint="${name}"`);
      expect(await readHostileImage(folder, 'd'), name).toBe('FORMAT_UNSUPPORTED');
    }
  });
});

describe('VDI', () => {
  test('headers and block maps', async (context) => {
    const folder = byQemu('i', 'vdi', ['qemu-img', 'convert', '-O', 'vdi', 'disk.raw', 'i']);
    const map = folder.get('i')!.readUInt32LE(340);
    await attack(
      {
        folder,
        name: 'i',
        changed: 'i',
        regions: [
          [64, 24],
          [336, 56],
          [map, 16],
        ],
      },
      4 * EACH,
    );
    await cutOff(folder, 'i');
    proves(context, hostile('VDI'));
  });
});

describe('VHD', () => {
  const sectors = new Map([0, 5, 100, 129, 700].map((number) => [number, noise(`${number}`, 512)]));
  const base = () => buildVhd({ lengthBytes: MIB, blockBytes: 65_536, sectors, name: 'base' });
  const repair = (bytes: Buffer) => {
    sealFooter(bytes.subarray(0, 512));
    sealHeader(bytes.subarray(512, 1536));
    sealFooter(bytes.subarray(bytes.length - 512));
  };

  test('footers, headers, tables, bitmaps', async (context) => {
    const folder = new Map([['i', base()]]);
    const bitmap = folder.get('i')!.readUInt32BE(1536) * 512;
    const regions: Region[] = [
      [0, 96],
      [512, 60],
      [1536, 80],
      [bitmap, 512],
    ];
    await attack({ folder, name: 'i', changed: 'i', regions, repair }, 3 * EACH);
    await cutOff(folder, 'i');
    proves(context, hostile('VHD'));
  });

  test('parents: names, locators, what is in them', async () => {
    const parent = { name: 'base', fieldName: 'base', locators: { W2ru: '.\\base', W2ku: 'C:\\x\\base' } };
    const folder = new Map([
      ['base', base()],
      ['i', buildVhd({ lengthBytes: MIB, blockBytes: 65_536, sectors, name: 'i', parent })],
    ]);
    const regions: Region[] = [
      [512 + 40, 40],
      [512 + 64, 24],
      [512 + 576, 60],
      [2048, 24],
      [2560, 24],
    ];
    await attack({ folder, name: 'i', changed: 'i', regions, repair }, 2 * EACH);
    await attack(
      {
        folder,
        name: 'i',
        changed: 'base',
        regions: [
          [0, 96],
          [512, 60],
        ],
        repair,
      },
      EACH,
    );
  });

  test('a fixed disk whose footer lies', async () => {
    const folder = byQemu('i', 'vpc', ['qemu-img', 'convert', '-O', 'vpc', '-o', 'subformat=fixed', 'disk.raw', 'i']);
    const footer = folder.get('i')!.length - 512;
    const seal = (bytes: Buffer) => sealFooter(bytes.subarray(bytes.length - 512));
    await attack({ folder, name: 'i', changed: 'i', regions: [[footer, 96]], repair: seal }, EACH);
  });
});

describe('VHDX', () => {
  const GUID = 'A0A0A0A0-0123-4567-89AB-CDEF01234567';
  const LOG = 'C0FFEE00-1111-2222-3333-444444444444';
  const disk = { lengthBytes: 3 * MIB, blockBytes: MIB, sectorBytes: 512, dataWriteGuid: GUID };
  const sectors = new Map([0, 5, 2048, 6143].map((number) => [number, noise(`${number}`, 512)]));
  const repair = (bytes: Buffer) => {
    for (const at of [64, 128]) seal(bytes.subarray(at * KIB, (at + 4) * KIB));
    for (const at of [192, 256]) seal(bytes.subarray(at * KIB, (at + 64) * KIB));
  };

  test('headers, region tables, metadata, BAT', async (context) => {
    const folder = new Map([['i', buildVhdx({ ...disk, sectors })]]);
    const regions: Region[] = [
      [64 * KIB, 96],
      [128 * KIB, 96],
      [192 * KIB, 96],
      [256 * KIB, 96],
      [2 * MIB, 200],
      [2 * MIB + 64 * KIB, 48],
    ];
    await attack(
      { folder, name: 'i', changed: 'i', regions: [...regions, [3 * MIB, 40], [3 * MIB, 40]], repair },
      2 * EACH,
    );
    await cutOff(folder, 'i');
    proves(context, hostile('VHDX'));
  });

  test('parents: locators, bitmaps of sectors', async () => {
    const parent = { parent_linkage: `{${GUID}}`, relative_path: '.\\base', absolute_win32_path: 'C:\\base' };
    const folder = new Map([
      ['base', buildVhdx({ ...disk, sectors })],
      ['i', buildVhdx({ ...disk, sectors, dataWriteGuid: LOG, parent })],
    ]);
    const regions: Region[] = [
      [2 * MIB + 5 * 32, 64],
      [2 * MIB + 64 * KIB, 300],
      [3 * MIB, 40],
      [3 * MIB + 4096 * 8, 16],
    ];
    await attack({ folder, name: 'i', changed: 'i', regions, repair }, EACH);
  });

  test('logs', async () => {
    const file = buildVhdx({ ...disk, sectors });
    const page = (i: number) => ({
      at: regionsOf(file).bat,
      page: Buffer.concat([file.subarray(3 * MIB, 3 * MIB + 4088), Buffer.alloc(8, i)]),
    });
    const entries = [1, 2, 3].map((i) => {
      const changes = [page(i), { at: 5 * MIB, zeroBytes: 8192 }, { at: 4 * MIB, page: noise(`${i}`, 4096) }];
      return logEntry({ sequence: 10 + i, guid: LOG, tail: 0, fileBytes: file.length, changes });
    });
    entries.forEach((entry, i) => putInLog(file, i * entry.length, entry));
    markLog(file, LOG);
    const length = entries[0].length;
    const sealEntries = (bytes: Buffer) => {
      repair(bytes);
      for (let at = MIB; at < MIB + 3 * length; at += length) {
        const claimed = bytes.readUInt32LE(at + 8);
        seal(bytes.subarray(at, at + (claimed >= 4096 && claimed <= 8 * length ? claimed : length)));
      }
    };
    const regions: Region[] = [0, 1, 2].flatMap(
      (i) =>
        [
          [MIB + i * length, 160],
          [MIB + i * length + 4096, 16],
        ] as Region[],
    );
    const folder = new Map([['i', file]]);
    await attack(
      { folder, name: 'i', changed: 'i', regions: [...regions, [64 * KIB, 96], [128 * KIB, 96]], repair: sealEntries },
      EACH,
    );
  });

  test('a log of entries that all claim to be as long as the log', async () => {
    const file = buildVhdx({ ...disk, sectors });
    const entry = logEntry({ sequence: 1, guid: LOG, tail: 0, fileBytes: 0, changes: [] });
    entry.writeUInt32LE(MIB, 8);
    for (let at = 0; at < MIB; at += 4096) putInLog(file, at, entry);
    markLog(file, LOG);
    expect(await readHostileImage(new Map([['i', file]]), 'i')).toBe('FORMAT_INVALID');
  });

  test('bitmaps of sectors here and there in turn take bounded memory', async () => {
    const big = { ...disk, lengthBytes: 300 * MIB };
    const parent = { parent_linkage: `{${GUID}}`, relative_path: 'base' };
    const file = buildVhdx({ ...big, sectors, dataWriteGuid: LOG, parent });
    // every block says that it is partly there, at the same place
    const entry = file.readBigUInt64LE(3 * MIB);
    for (let block = 0; block < 300; block++) file.writeBigUInt64LE(entry, 3 * MIB + block * 8);
    file.fill(0x55, Number(file.readBigUInt64LE(3 * MIB + 4096 * 8) >> 20n) * MIB);
    const folder = new Map([
      ['base', buildVhdx({ ...big, sectors: new Map() })],
      ['i', file],
    ]);
    const before = process.memoryUsage().rss;
    expect(await readHostileImage(folder, 'i')).toMatch(/read/);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * MIB);
  });
});

test('files of noise, and of what formats begin with, are no images or damaged ones', async () => {
  const starts = [
    'QFI\xfb',
    'KDMV',
    'COWD',
    'conectix',
    'vhdxfile',
    '# Disk DescriptorFile\n',
    '\xbe\xba\xfe\xca\0\0\0\0',
    '',
  ];
  const below = randomBelow(3);
  for (let seed = 0; seed < 400; seed++) {
    const bytes = noise(`file ${seed}`, below(6000));
    bytes.write(starts[seed % starts.length], 'latin1');
    if (seed % 7 === 0 && bytes.length > 80) bytes.writeUInt32LE(0xbeda107f, 64);
    await readHostileImage(new Map([['i', bytes]]), 'i');
  }
});
