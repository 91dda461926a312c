/** Folders as Clonezilla makes them, with partclone, sfdisk and the packers of Debian, put together to disks again. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Warning } from '../../../src-engine/contract/warnings.ts';
import { UNPACK_LIMITS } from '../../../src-engine/archive/sparse-file.ts';
import { lookAtCloneFolder, lookIntoPieces, openClonedDisk } from '../../../src-engine/images/clone-folder.ts';
import { extract, makeGptDisk, makeMbrDisk, noise, type TestDisk } from '../../support/disks.ts';
import { openEngine, resultOf } from '../../support/engine.ts';
import { expectSameExt4, expectSameFat, expectSoundGpt, tableOf } from '../../support/judges.ts';
import { proves } from '../../support/matrix.ts';
import { importFrom } from '../../support/transfer.ts';
import { MIB, run, runWithInput, workbench } from '../../support/workbench.ts';

const bench = workbench();
const PACK: Record<string, string> = {
  gz: 'gzip -c',
  zst: 'zstd -q -c',
  lz4: 'lz4 -q -c',
  xz: 'xz -0 -c',
  uncomp: 'cat',
};

/** What Clonezilla's savedisk leaves of a disk of partitions 1 (FAT), 2 (ext4), 3 or 5 (swap), 4 or 6 (unknown). */
function saveDisk(disk: TestDisk, isGpt: boolean, ending: string, pieceBytes: number | null): string {
  const folder = `${disk.path}.clone-${ending}`;
  mkdirSync(folder);
  const at = (name: string) => `${folder}/${name}`;
  const dump = run('sfdisk', '-d', disk.path).replaceAll(disk.path, '/dev/sda');
  writeFileSync(at('sda-pt.sf'), dump);
  writeFileSync(at('sda-pt.parted'), `Disk /dev/sda: ${readFileSync(disk.path).length / 512}s\n`);
  writeFileSync(at('parts'), 'sda1 sda2\n');
  writeFileSync(at('disk'), 'sda\n');
  const bytes = readFileSync(disk.path);
  writeFileSync(at('sda-mbr'), bytes.subarray(0, 512));
  if (isGpt) {
    writeFileSync(at('sda-gpt-1st'), bytes.subarray(0, 34 * 512));
    writeFileSync(at('sda-gpt-2nd'), bytes.subarray(bytes.length - 33 * 512));
  } else writeFileSync(at('sda-hidden-data-after-mbr'), bytes.subarray(512, MIB));
  const [swap, unknown] = isGpt ? ['sda3', 'sda4'] : ['sda5', 'sda6'];
  const info = run('blkid', '-p', '-o', 'export', extract(disk.path, disk.swap, bench.path('swap')));
  writeFileSync(at(`swappt-${swap}.info`), `UUID="${/^UUID=(.*)$/m.exec(info)![1]}"\nLABEL=""\n`);
  const save = (name: string, content: string) => {
    const target = pieceBytes === null ? `> ${at(name)}` : `| split -b ${pieceBytes} - ${at(name)}.`;
    execFileSync('sh', ['-c', `${content} | ${PACK[ending]} ${target}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const partclone = (tool: string, part: TestDisk['ext4']) =>
    `${tool} -c -q -L ${bench.path('log')} -s ${extract(disk.path, part, bench.path('part'))} -o -`;
  save(`sda1.vfat-ptcl-img.${ending}`, partclone('partclone.vfat', disk.esp));
  save(`sda2.ext4-ptcl-img.${ending}`, partclone('partclone.ext4', disk.ext4));
  save(`${unknown}.dd-img.${ending}`, `cat ${extract(disk.path, disk.unknown, bench.path('unknown'))}`);
  return folder;
}

async function restore(folder: string) {
  const scratch = bench.path('scratch');
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch);
  const [disk] = (await lookAtCloneFolder(folder))!;
  const warnings: Warning[] = [];
  const signal = new AbortController().signal;
  const source = await openClonedDisk(
    folder,
    disk,
    { folder: scratch, limits: UNPACK_LIMITS, signal, advance() {} },
    warnings,
  );
  const bytes = Buffer.alloc(source.lengthBytes);
  const { unpackedBytes: foretoldBytes } = await lookIntoPieces(folder, disk, signal);
  await source.readInto(0, bytes);
  await source.close();
  writeFileSync(bench.path('restored'), bytes);
  const unpacked = readdirSync(scratch).map((name) => statSync(`${scratch}/${name}`).size);
  const unpackedBytes = unpacked.reduce((sum, size) => sum + size, 0);
  return { path: bench.path('restored'), warnings, scratchFiles: unpacked.length, foretoldBytes, unpackedBytes };
}

function expectSameDisk(disk: TestDisk, copy: string): void {
  expect(tableOf(copy)).toEqual(tableOf(disk.path));
  const part = (name: 'esp' | 'ext4' | 'swap' | 'unknown') =>
    [
      extract(disk.path, disk[name], bench.path('original.part')),
      extract(copy, disk[name], bench.path('copy.part')),
    ] as const;
  expectSameFat(bench, ...part('esp'));
  expectSameExt4(bench, ...part('ext4'));
  const [unknown, unknownCopy] = part('unknown');
  expect(readFileSync(unknownCopy).equals(readFileSync(unknown))).toBe(true);
  const identity = (path: string) => run('blkid', '-p', '-o', 'export', path).replace(/^DEVNAME=.*$/m, '');
  const [swap, swapCopy] = part('swap');
  expect(identity(swapCopy)).toBe(identity(swap));
}

describe('a folder of a GPT disk', () => {
  const disk = makeGptDisk(bench, 'gpt.img');
  let judged: string | null = null;

  test.each([
    ['gz', null],
    ['zst', 3_000_000],
    ['lz4', 1_000_000],
    ['xz', null],
    ['uncomp', 5_000_000],
  ] as const)('packed as %s, pieces of %s bytes', async (ending, pieceBytes) => {
    const folder = saveDisk(disk, true, ending, pieceBytes);
    const { path, warnings, scratchFiles, foretoldBytes, unpackedBytes } = await restore(folder);
    // the judges need to see it once: the same bytes come out of every packer
    const sum = createHash('sha256').update(readFileSync(path)).digest('hex');
    if (judged === null) {
      expectSameDisk(disk, path);
      expectSoundGpt(path);
      judged = sum;
    } else expect(sum).toBe(judged);
    expect(warnings).toEqual([]);
    // what is not packed is read where it lies
    expect(scratchFiles).toBe(ending === 'uncomp' ? 0 : 3);
    // less headers, bitmaps and sums, which are a few thousandths
    expect(foretoldBytes).toBeLessThanOrEqual(unpackedBytes);
    expect(foretoldBytes).toBeGreaterThanOrEqual(unpackedBytes * 0.98);
  });
});

test('a folder of an MBR disk with logical partitions', async (context) => {
  proves(context, {
    subject: 'Clonezilla folder',
    feature: 'MBR with logical partitions',
    aspect: 'read',
    judge: 'sfdisk',
  });
  const disk = makeMbrDisk(bench, 'mbr.img');
  const { path } = await restore(saveDisk(disk, false, 'gz', 2_000_000));
  expectSameDisk(disk, path);
});

describe('what cannot be right', () => {
  const disk = makeGptDisk(bench, 'broken.img');
  const folder = saveDisk(disk, true, 'lz4', 400_000);
  const restored = () =>
    restore(folder).then(
      () => null,
      (error: { code?: string; data?: unknown }) => ({ code: error.code, data: error.data }),
    );

  test('a piece is missing: named', async () => {
    const piece = `${folder}/sda2.ext4-ptcl-img.lz4.ab`;
    const bytes = readFileSync(piece);
    rmSync(piece);
    expect(await restored()).toMatchObject({ code: 'FORMAT_INVALID', data: { value: 'ab of sda2' } });
    writeFileSync(piece, bytes);
    expect(await restored()).toBeNull();
  });

  test('the last piece is missing: the stream ends early', async () => {
    const last = readdirSync(folder)
      .filter((name) => name.startsWith('sda2.'))
      .sort()
      .at(-1)!;
    rmSync(`${folder}/${last}`);
    expect(await restored()).toMatchObject({ code: 'FORMAT_INVALID' });
  });

  test.each([
    ['luks-dev.list', 'LUKS in a Clonezilla folder'],
    ['ecryptfs.info', 'encrypted Clonezilla folder'],
    ['sda2.ntfs-ntfs-img.gz', 'ntfsclone'],
  ])('%s is refused by name', async (name, feature) => {
    writeFileSync(`${folder}/${name}`, 'vg /dev/sda2 uuid\n');
    expect(await restored()).toMatchObject({ code: 'FORMAT_UNSUPPORTED', data: { feature } });
    rmSync(`${folder}/${name}`);
  });
});

/** Two partitions of noise; a dump names them as the kernel does, files with dashes for slashes. */
const PART_BYTES = MIB;

interface RawFolder {
  readonly folder: string;
  readonly disk: Buffer;
}

function saveRaw(device: string, infix: string, image: string, pack: string, pieceBytes = 300_000): RawFolder {
  const path = bench.file(`raw-${device.replaceAll('/', '-')}.img`, 4 * MIB);
  runWithInput('2048,2048,7\n4096,2048,83\n', 'sfdisk', '-q', path);
  const file = device.replaceAll('/', '-');
  const folder = `${path}.${image}-${pack.split(' ')[0]}`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const content = noise(device, 2 * PART_BYTES);
  const disk = readFileSync(path);
  disk.set(content, MIB);
  writeFileSync(`${folder}/${file}-pt.sf`, run('sfdisk', '-d', path).replaceAll(path, `/dev/${device}${infix}`));
  writeFileSync(`${folder}/${file}-pt.parted`, `Disk /dev/${device}: ${disk.length / 512}s\n`);
  writeFileSync(`${folder}/${file}-mbr`, disk.subarray(0, 512));
  writeFileSync(`${folder}/disk`, `${device}\n`);
  writeFileSync(`${folder}/parts`, `${device}${infix}1 ${device}${infix}2\n`);
  writeFileSync(`${folder}/blkdev.list`, 'KNAME NAME SIZE TYPE\n');
  for (const number of [1, 2]) {
    const part = content.subarray((number - 1) * PART_BYTES, number * PART_BYTES);
    writeFileSync(bench.path('part'), part);
    const to = `${folder}/${file}${infix}${number}.${image}.`;
    execFileSync('sh', ['-c', `${pack.replace('PART', bench.path('part'))} | split -b ${pieceBytes} - ${to}`], {
      stdio: 'ignore',
    });
  }
  return { folder, disk };
}

describe('images byte by byte', () => {
  test.each([
    ['sda', ''],
    ['cciss/c0d0', 'p'],
    ['nvme0n1', 'p'],
    ['mmcblk0', 'p'],
    ['md126', 'p'],
    ['mapper/isw_cfaih.x_Volume0', 'p'],
  ])('of %s', async (device, infix) => {
    const { folder, disk } = saveRaw(device, infix, 'dd-img', 'cat PART');
    expect(readFileSync((await restore(folder)).path).equals(disk)).toBe(true);
  });

  test.each([
    ['dd-ptcl-img.gz', 'partclone.dd -q -F -L /dev/null -s PART -o - | gzip -c'],
    ['dd-img.gz', 'gzip -c PART'],
    ['dd-img.bz2', 'bzip2 -c PART'],
    ['dd-img.lzma', 'xz --format=lzma -0 -c PART'],
    ['dd-ptcl-img.xz', 'xz -0 -c PART'],
    ['dd-img.lz', 'lzip -0 -c PART'],
    ['dd-img.lzo', 'lzop -c PART'],
    ['dd-img.lzip', 'lzip -0 -c PART'],
    ['dd-img.lz4', 'lz4 -q -c PART'],
    ['dd-img.zst', 'zstd -q -c PART'],
    ['dd-ptcl-img.zst', 'pzstd -q -c PART'],
    ['dd-img.uncomp', 'cat PART'],
  ])('%s', async (image, pack) => {
    const { folder, disk } = saveRaw('sdb', '', image, pack);
    expect(readFileSync((await restore(folder)).path).equals(disk)).toBe(true);
  });

  test('packed as lrz: refused by name', async () => {
    const { folder } = saveRaw('sdb', '', 'dd-img.lrz', 'lrzip -q -o - PART');
    await expect(restore(folder)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED', data: { feature: 'lrzip' } });
  });

  test('in more pieces than there are suffixes of two letters, in the order of split(1)', async () => {
    const { folder, disk } = saveRaw('sdc', '', 'dd-img', 'cat PART', 1500);
    const names = readdirSync(folder);
    expect(names).toEqual(expect.arrayContaining(['sdc1.dd-img.gz', 'sdc1.dd-img.yz', 'sdc1.dd-img.zaaa']));
    expect(readFileSync((await restore(folder)).path).equals(disk)).toBe(true);
  });
});

describe('a folder that is not whole is refused by what is wrong with it', () => {
  const cases: [string, (folder: string) => void, RegExp][] = [
    ['an image that `parts` names is missing', (f) => removeFrom(f, /^sda2/), /parts.*sda2 missing/],
    ['its first piece is missing', (f) => removeFrom(f, /^sda2.*aa$/), /aa of sda2/],
    ['a piece in the middle is missing', (f) => removeFrom(f, /^sda2.*ab$/), /ab of sda2/],
    ['its last piece is missing', (f) => removeFrom(f, /^sda2.*ad$/), /sda2\.dd-img\.aa.*partition length/],
    ['a piece was cut off', (f) => truncateSync(`${f}/sda2.dd-img.ad`, 5), /sda2\.dd-img\.aa.*partition length/],
    [
      'a piece is longer',
      (f) => writeFileSync(`${f}/sda2.dd-img.ad`, noise('x', 150_000)),
      /sda2\.dd-img\.aa.*partition length/,
    ],
    [
      'an image is there twice',
      (f) => writeFileSync(`${f}/sda2.ext4-ptcl-img.gz.aa`, ''),
      /pieces.*sda2\.ext4-ptcl-img/,
    ],
    [
      'an image is of no partition',
      (f) => writeFileSync(`${f}/sda9.dd-img.aa`, ''),
      /sda9\.dd-img\.aa of no partition/,
    ],
    ['a disk has no table', (f) => writeFileSync(`${f}/disk`, 'sda sdb'), /sdb-pt\.sf.*missing/],
    ['the images are of partimage', (f) => writeFileSync(`${f}/sda2.partimage-img.aa`, ''), /partimage/],
  ];

  test.each(cases)('%s', async (_, spoil, words) => {
    const { folder } = saveRaw('sda', '', 'dd-img', 'cat PART');
    spoil(folder);
    await expect(restore(folder)).rejects.toMatchObject({
      code: expect.stringMatching(/^FORMAT_/),
      message: expect.stringMatching(words),
    });
  });

  describe('checksums that lie beside it', async () => {
    const engine = await openEngine(bench.path('catalog-sums'));
    bench.atEnd(() => engine.close());
    const saved = (tools: string[]) => {
      const { folder } = saveRaw('sda', '', 'dd-img', 'cat PART');
      for (const tool of tools) run('sh', '-c', `cd ${folder} && ${tool} * > ${tool.toUpperCase()}S`);
      return folder;
    };
    const OUTSIDE = { outside: 'take' } as const;

    test.each(['md5sum', 'sha1sum', 'b2sum', 'sha256sum', 'sha512sum'])('%s', async (tool) => {
      const folder = saved([tool]);
      const { warnings, result } = await importFrom(engine, folder, tool, OUTSIDE);
      expect(result).not.toBeNull();
      expect(warnings.filter(({ code }) => code === 'IMAGE_SUMS_NOT_CHECKED')).toEqual([]);
      // the length is right: nothing else would find it
      const piece = `${folder}/sda2.dd-img.ab`;
      const bytes = readFileSync(piece);
      bytes[1000] ^= 4;
      writeFileSync(piece, bytes);
      expect((await importFrom(engine, folder, `${tool} flipped`, OUTSIDE)).error).toMatchObject({
        code: 'FORMAT_INVALID',
        data: { field: `${tool.toUpperCase()}S: sda2.dd-img.ab`, path: piece },
      });
    });

    test('a file without a line, and sums that nobody can compute here, are told', async () => {
      const folder = saved(['md5sum', 'sha1sum']);
      writeFileSync(
        `${folder}/SHA1SUMS`,
        readFileSync(`${folder}/SHA1SUMS`, 'utf8').replace(/^.*sda1\.dd-img\.ac\n/m, ''),
      );
      const some = await importFrom(engine, folder, 'some', OUTSIDE);
      const told = { code: 'IMAGE_SUMS_NOT_CHECKED', data: { path: 'sda1.dd-img.ac' } };
      expect(some.warnings.filter(({ code }) => code === told.code)).toEqual([told]);
      expect((await engine.client.call('import.look', { path: folder })).warnings).toEqual([told]);
      removeFrom(folder, /SUMS$/);
      writeFileSync(`${folder}/B3SUMS`, '');
      const other = await importFrom(engine, folder, 'other', OUTSIDE);
      expect(other.warnings).toContainEqual({ ...told, data: { path: 'B3SUMS' } });
      const planned = await engine.client.call('import.plan', { path: folder, name: 'other', ...OUTSIDE });
      expect(planned.image.warnings).toEqual([{ ...told, data: { path: 'B3SUMS' } }]);
    });
  });

  test('what lies before the first partition comes along, however long it is', async () => {
    const { folder, disk } = saveRaw('sda', '', 'dd-img', 'cat PART');
    writeFileSync(`${folder}/sda-hidden-data-after-mbr`, disk.subarray(512, MIB + 4096).fill(0x47, 0, MIB - 512));
    expect(readFileSync((await restore(folder)).path).equals(disk)).toBe(true);
  });

  test('partitions that it does not claim to hold are asked about, and told in the version', async () => {
    const engine = await openEngine(bench.path('catalog'));
    bench.atEnd(() => engine.close());
    const { folder } = saveRaw('sda', '', 'dd-img', 'cat PART');
    removeFrom(folder, /^sda2|^disk$/);
    writeFileSync(`${folder}/parts`, 'sda1\n');
    const plan = { path: folder, name: 'some' };
    const { checks, canRun } = await engine.client.call('import.plan', plan);
    const data = { names: 'sda2' };
    expect(canRun).toBe(false);
    expect(checks).toContainEqual({ code: 'PARTITIONS_NOT_SAVED', level: 'block', canOverride: true, data });
    resultOf(await importFrom(engine, folder, 'some', { overrides: ['PARTITIONS_NOT_SAVED'] }));
    const { versions } = await engine.client.call('template.show', { template: 'some' });
    expect(versions[0].warnings).toContainEqual({ code: 'PARTITIONS_NOT_SAVED', data });
  });
});

function removeFrom(folder: string, names: RegExp): void {
  for (const name of readdirSync(folder).filter((file) => names.test(file))) rmSync(`${folder}/${name}`);
}
