/** Folders as Clonezilla makes them, with partclone, sfdisk and the packers of Debian, put together to disks again. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Warning } from '../../../src-engine/contract/warnings.ts';
import { UNPACK_LIMITS } from '../../../src-engine/archive/sparse-file.ts';
import { lookAtCloneFolder, openClonedDisk, unpackedBytesOf } from '../../../src-engine/jobs/import/clone-folder.ts';
import { extract, makeGptDisk, makeMbrDisk, type TestDisk } from '../../support/disks.ts';
import { expectSameExt4, expectSameFat, expectSoundGpt, tableOf } from '../../support/judges.ts';
import { proves } from '../../support/matrix.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

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
  const foretoldBytes = await unpackedBytesOf(folder, disk, signal);
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
    ['lvm_vg_dev.list', 'LVM in a Clonezilla folder'],
    ['ecryptfs.info', 'encrypted Clonezilla folder'],
    ['sda2.ntfs-ntfs-img.gz', 'ntfsclone'],
  ])('%s is refused by name', async (name, feature) => {
    writeFileSync(`${folder}/${name}`, '');
    expect(await restored()).toMatchObject({ code: 'FORMAT_UNSUPPORTED', data: { feature } });
    rmSync(`${folder}/${name}`);
  });
});
