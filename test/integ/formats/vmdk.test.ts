/** VMDK disks: qemu-img's, and those of VMware's programs from the specification, all read by qemu-img as well. */
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';
import { expectAsQemu, expectContent, makeRaw, openImage } from './virtual-disks.ts';

const bench = workbench();
const raw = makeRaw(bench, 'disk.raw');
const read = (feature: string) => ({ subject: 'VMDK', feature, aspect: 'read', judge: 'qemu-img' }) as const;

function convert(name: string, options: string): string {
  run('qemu-img', 'convert', '-O', 'vmdk', '-o', options, raw, bench.path(name));
  return bench.path(name);
}

/** Changes the text of a descriptor, in a file of its own or in one that it is embedded in. */
function edit(path: string, from: string | RegExp, to: string): void {
  const bytes = readFileSync(path);
  const at = bytes.indexOf('# Disk DescriptorFile');
  const end = at === 0 ? bytes.length : at + 20 * 512;
  const text = bytes.toString('latin1', at, end).replace(/\0+$/, '');
  expect(text).toMatch(from);
  const changed = Buffer.from(text.replace(from, to), 'latin1');
  const padding = Buffer.alloc(at === 0 ? 0 : 20 * 512 - changed.length);
  writeFileSync(path, Buffer.concat([bytes.subarray(0, at), changed, padding, bytes.subarray(end)]));
}

describe('kinds of qemu-img', () => {
  for (const kind of [
    'monolithicSparse',
    'twoGbMaxExtentSparse',
    'monolithicFlat',
    'twoGbMaxExtentFlat',
    'streamOptimized',
  ]) {
    test(kind, async (context) => {
      const path = convert(`${kind}.vmdk`, `subformat=${kind}`);
      const { variant, source } = await expectAsQemu(bench, path, 'vmdk');
      expect(variant).toBe(kind);
      expect(source.sectorBytes).toBe(512);
      proves(context, read(kind));
    });
  }

  test('grains of zeros', async (context) => {
    const path = convert('zeros.vmdk', 'zeroed_grain=on');
    run('qemu-io', '-c', 'write -z 6291456 1048576', '-c', 'write -z 0 65536', path);
    const { dataBytes } = await expectAsQemu(bench, path, 'vmdk');
    expect(dataBytes).toBeLessThan(4 * MIB);
    proves(context, read('zeroed grains'));
  });

  test('a disk of 5 GiB in three parts', async () => {
    const path = bench.path('parts.vmdk');
    run('qemu-img', 'create', '-q', '-f', 'vmdk', '-o', 'subformat=twoGbMaxExtentSparse', path, '5G');
    const writes = ['write -P 1 2146435072 2097152', 'write -P 2 4294000000 5000000', 'write -P 3 5368708608 512'];
    run('qemu-io', ...writes.flatMap((write) => ['-c', write]), path);
    const image = await openImage(path);
    expect(image.dependsOn).toEqual(['parts-s001.vmdk', 'parts-s002.vmdk', 'parts-s003.vmdk']);
    for (const [at, length, byte] of [
      [2146435072, 2097152, 1],
      [4294000000, 5000000, 2],
      [5368708608, 512, 3],
    ]) {
      const found = Buffer.alloc(length);
      await image.source.readInto(at, found);
      expect(found.equals(Buffer.alloc(length, byte))).toBe(true);
    }
    let dataBytes = 0;
    for await (const batch of image.source.dataRuns!(0, 5 * 2 ** 30, new AbortController().signal)) {
      for (const { lengthBytes } of batch) dataBytes += lengthBytes;
    }
    expect(dataBytes).toBeLessThan(8 * MIB);
    await image.source.close();
  });
});

describe('tables', () => {
  test('the copy of the grain directory serves where the first is nowhere', async (context) => {
    const path = convert('copy.vmdk', 'subformat=monolithicSparse');
    const expected = readFileSync(raw);
    const bytes = readFileSync(path);
    bytes.writeBigUInt64LE(0n, 56);
    writeFileSync(path, bytes);
    await expectContent(path, expected);
    proves(context, read('redundant grain tables'));
  });
});

describe("VMware's own", () => {
  const header = (createType: string, ...rest: string[]) =>
    [
      '# Disk DescriptorFile',
      'version=1',
      'CID=1',
      'parentCID=ffffffff',
      `createType="${createType}"`,
      ...rest,
      '',
    ].join('\n');

  test('vmfs: a flat file of ESX', async (context) => {
    copyFileSync(raw, bench.path('esx-flat.vmdk'));
    const sectors = statSync(raw).size / 512;
    writeFileSync(bench.path('esx.vmdk'), header('vmfs', `RW ${sectors} VMFS "esx-flat.vmdk"`));
    const { dependsOn } = await expectAsQemu(bench, bench.path('esx.vmdk'), 'vmdk');
    expect(dependsOn).toEqual(['esx-flat.vmdk']);
    proves(context, read('vmfs'));
  });

  test('extents of every kind on one disk, with other names and line ends', async (context) => {
    const flat = noise('flat', MIB);
    writeFileSync(bench.path('été flat.vmdk'), flat);
    convert('sparse part.vmdk', 'subformat=monolithicSparse');
    const lines = [
      'RW 100 FLAT "été flat.vmdk" 1000',
      'RW 7 ZERO',
      'RDONLY 300 FLAT "été flat.vmdk" 0',
      `RW ${statSync(raw).size / 512} SPARSE "sparse part.vmdk"`,
    ];
    const text = header('custom', 'encoding="UTF-8"', ...lines).replaceAll('\n', '\r\n');
    writeFileSync(bench.path('mixed.vmdk'), text);
    const sectors = (from: number, count: number) => flat.subarray(from * 512, (from + count) * 512);
    const expected = Buffer.concat([sectors(1000, 100), Buffer.alloc(7 * 512), sectors(0, 300), readFileSync(raw)]);
    await expectContent(bench.path('mixed.vmdk'), expected);
    // and in the character set of older programs
    renameInLatin1(text);
    await expectContent(bench.path('mixed.vmdk'), expected);
    proves(context, read('several extents, flat, sparse and zero'));
  });

  function renameInLatin1(text: string): void {
    writeFileSync(bench.path('mixed.vmdk'), Buffer.from(text.replace('UTF-8', 'windows-1252'), 'latin1'));
  }

  test('vmfsSparse: sparse files of ESX (COWD)', async (context) => {
    const disk = readFileSync(raw);
    const sectors = disk.length / 512;
    // grains of one sector, tables of 4096 entries
    const tables = Math.ceil(sectors / 4096);
    const esx = Buffer.alloc(512 * 4);
    ['COWD'].forEach((magic) => esx.write(magic, 'latin1'));
    [1, 3, sectors, 1, 4, tables].forEach((value, i) => esx.writeUInt32LE(value, 4 + 4 * i));
    const directory = Buffer.alloc(512 * Math.ceil((tables * 4) / 512));
    const firstTable = 4 + directory.length / 512;
    const firstGrain = firstTable + tables * 32;
    const grains: Buffer[] = [];
    const entries = Buffer.alloc(tables * 4096 * 4);
    for (let sector = 0; sector < sectors; sector++) {
      const bytes = disk.subarray(sector * 512, sector * 512 + 512);
      if (bytes.every((byte) => byte === 0)) continue;
      entries.writeUInt32LE(firstGrain + grains.length, sector * 4);
      grains.push(bytes);
    }
    for (let table = 0; table < tables; table++) directory.writeUInt32LE(firstTable + table * 32, table * 4);
    writeFileSync(bench.path('esx-delta.vmdk'), Buffer.concat([esx, directory, entries, ...grains]));
    const text = header('vmfsSparse', `RW ${sectors} VMFSSPARSE "esx-delta.vmdk"`);
    writeFileSync(bench.path('esx-sparse.vmdk'), text);
    await expectAsQemu(bench, bench.path('esx-sparse.vmdk'), 'vmdk');
    proves(context, read('vmfsSparse'));
  });
});

describe('parents', () => {
  const child = (name: string, parent: string, kind = 'monolithicSparse') => {
    const options = ['-o', `subformat=${kind},backing_file=${parent},backing_fmt=vmdk`];
    run('qemu-img', 'create', '-q', '-f', 'vmdk', ...options, bench.path(name));
    return bench.path(name);
  };

  test('sparse on flat, on sparse, and in parts', async (context) => {
    convert('base.vmdk', 'subformat=monolithicFlat');
    const first = child('first.vmdk', 'base.vmdk');
    run('qemu-io', '-c', 'write -P 1 1000000 100000', first);
    const second = child('second.vmdk', 'first.vmdk');
    run('qemu-io', '-c', 'write -P 2 1050000 512', '-c', 'write -P 3 15000000 512', second);
    const { dependsOn } = await expectAsQemu(bench, second, 'vmdk');
    expect(dependsOn).toEqual(['first.vmdk', 'base.vmdk', 'base-flat.vmdk']);
    const parts = child('delta.vmdk', 'base.vmdk', 'twoGbMaxExtentSparse');
    run('qemu-io', '-c', 'write -P 4 300000 70000', parts);
    await expectAsQemu(bench, parts, 'vmdk');
    proves(context, read('delta disks, with the parent beside them'));
  });

  test('a parent that was changed, that is no VMDK, or that is elsewhere, is refused', async () => {
    convert('base.vmdk', 'subformat=monolithicSparse');
    const path = child('delta.vmdk', 'base.vmdk');
    for (const name of ['../base.vmdk', '/vmfs/volumes/base.vmdk', 'C:\\base.vmdk', 'json:{}']) {
      const whole = readFileSync(path);
      edit(path, /parentFileNameHint="[^"]*"/, `parentFileNameHint="${name}"`);
      await expect(openImage(path)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED', data: { path: name } });
      writeFileSync(path, whole);
    }
    edit(bench.path('base.vmdk'), /^CID=.*$/m, 'CID=12345678');
    await expect(openImage(path)).rejects.toMatchObject({ code: 'FORMAT_INVALID', data: { field: 'parentCID' } });
    copyFileSync(raw, bench.path('base.vmdk'));
    await expect(openImage(path)).rejects.toMatchObject({ code: 'FORMAT_INVALID', data: { field: 'format' } });
  });
});

describe('refused by name', () => {
  test('parts by themselves, SE sparse, devices', async () => {
    convert('split.vmdk', 'subformat=twoGbMaxExtentSparse');
    const refused = (name: string, feature: string) =>
      expect(openImage(bench.path(name))).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED', data: { feature } });
    await refused('split-s001.vmdk', 'one part of a split VMDK by itself');
    const se = Buffer.alloc(4096);
    se.writeBigUInt64LE(0xcafebaben);
    writeFileSync(bench.path('se.vmdk'), se);
    await refused('se.vmdk', 'VMDK SE sparse extent');
    for (const type of ['SESPARSE', 'VMFSRDM', 'VMFSRAW']) {
      writeFileSync(bench.path('other.vmdk'), `# Disk DescriptorFile\nCID=1\nRW 100 ${type} "x.vmdk"\n`);
      await refused('other.vmdk', `VMDK extent RW ${type}`);
    }
  });

  test('extents elsewhere', async () => {
    for (const name of ['../disk.raw', raw, 'sub/disk.raw', '\\\\.\\PhysicalDrive0']) {
      writeFileSync(bench.path('other.vmdk'), `# Disk DescriptorFile\nCID=1\nRW 100 FLAT "${name}" 0\n`);
      await expect(openImage(bench.path('other.vmdk'))).rejects.toMatchObject({
        code: 'FORMAT_UNSUPPORTED',
        data: { path: name },
      });
    }
  });

  test('a file that went through a transfer as text', async () => {
    const path = convert('text.vmdk', 'subformat=streamOptimized');
    writeFileSync(path, readFileSync(path, 'latin1').replaceAll('\n', '\r\n'), 'latin1');
    await expect(openImage(path)).rejects.toMatchObject({
      code: expect.stringMatching('FORMAT_INVALID|FILE_TRUNCATED'),
    });
  });
});

test('files that were cut off say where they end and how much is missing', async () => {
  const flat = convert('flat.vmdk', 'subformat=monolithicFlat').replace('.vmdk', '-flat.vmdk');
  truncateSync(flat, 5 * MIB);
  const data = { endBytes: 5 * MIB, missingBytes: statSync(raw).size - 5 * MIB };
  await expect(openImage(bench.path('flat.vmdk'))).rejects.toMatchObject({ code: 'FILE_TRUNCATED', data });

  const sparse = convert('sparse.vmdk', 'subformat=monolithicSparse');
  const wholeBytes = statSync(sparse).size;
  truncateSync(sparse, wholeBytes - 2 * MIB);
  const runs = async (path: string) => {
    const { source } = await openImage(path);
    try {
      for await (const _ of source.dataRuns!(0, source.lengthBytes, new AbortController().signal));
    } finally {
      await source.close();
    }
  };
  // seven sectors of the last grain are used
  const missing = { endBytes: wholeBytes - 2 * MIB, missingBytes: 2 * MIB - 65_536 + 7 * 512 };
  await expect(runs(sparse)).rejects.toMatchObject({ code: 'FILE_TRUNCATED', data: missing });

  const stream = convert('stream.vmdk', 'subformat=streamOptimized');
  truncateSync(stream, MIB);
  await expect(runs(stream)).rejects.toMatchObject({ code: 'FILE_TRUNCATED', data: { endBytes: MIB } });
});
