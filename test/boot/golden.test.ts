/**
 * The whole promise, on a real system: a Debian disk is captured, deployed to a file and to a larger disk full of ones, every
 * used block is equal, and both start up to the login prompt, one by BIOS and one by UEFI.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { expectSameFat, expectSameUsedBlocks, expectSoundGpt, sha256 } from '../support/judges.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const exec = promisify(execFile);

/** Scripts that build and boot a real disk lie beside the project, not in it. */
const lab = process.env.DISKPRESS_LAB ?? join(import.meta.dirname, '../../../shared/lab');
const canBuild = canLoop && existsSync(join(lab, 'make-golden-disk.sh'));
if (!canBuild)
  console.warn(`SKIPPED: the boot tests need root on Linux, and the scripts of the lab in ${lab} (DISKPRESS_LAB)`);

const GIB = 1024 * MIB;
/** As the script lays the disk out. */
const ESP_START = 4096 * 512;
const ROOT_START = 135_168 * 512;
const GROWN_BYTES = 6 * GIB;

describe.skipIf(!canBuild)('a Debian disk', () => {
  const bench = workbench();
  const cache = join(homedir(), '.cache', 'diskpress-lab');
  const golden = join(cache, 'golden-4G.img');
  const copy = bench.path('copy.img');
  let grown: string;
  let grownDisk: string;
  let engine: TestEngine;
  let before: string;

  beforeAll(async () => {
    mkdirSync(cache, { recursive: true });
    const part = `${golden}.part`;
    if (!existsSync(golden)) {
      await exec(join(lab, 'make-golden-disk.sh'), [part, '4G']);
      run('mv', part, golden);
    }
    before = await sha256(golden);
    grown = bench.file('grown.img', GROWN_BYTES, 0xff);
    grownDisk = bench.attach(grown);
    engine = await openEngine(bench.path('catalog'));
    bench.atEnd(() => engine.close());
  });

  const part = (disk: string, start: number, bytes: number) =>
    bench.attach(disk, '-o', String(start), '--sizelimit', String(bytes));
  const rootOf = (disk: string) => part(disk, ROOT_START, Math.floor((4 * GIB - 34 * 512 - ROOT_START) / 4096) * 4096);
  const espOf = (disk: string) => part(disk, ESP_START, 64 * MIB);

  it('is captured, and is what it was', async () => {
    const result = resultOf(await engine.capture(golden, 'debian'));
    expect(result.storedBytes).toBeLessThan(result.processedBytes / 2);
    expect(await sha256(golden)).toBe(before);
  });

  it('is deployed to a file', async () => {
    const result = resultOf(await engine.deploy('debian', copy));
    expect(result.verifiedBytes).toBeGreaterThanOrEqual(result.processedBytes);
    expect(result.readBack).toBe('direct');
    expect(statSync(copy).size).toBe(statSync(golden).size);
    expectSoundGpt(copy);
  });

  it('is deployed to a larger disk that was full of ones', async () => {
    const result = resultOf(await engine.deploy('debian', grownDisk, { confirm: grownDisk }));
    expect(result.verifiedBytes).toBeGreaterThanOrEqual(result.processedBytes);
    expectSoundGpt(grownDisk);
    run('sync');
  });

  it('has the same boot code and used blocks on both, and file systems without errors', () => {
    const [root, esp] = [rootOf(golden), espOf(golden)];
    for (const disk of [copy, grown]) {
      const [copiedRoot, copiedEsp] = [rootOf(disk), espOf(disk)];
      run('e2fsck', '-fn', copiedRoot);
      expect(expectSameUsedBlocks(bench, 'partclone.ext4', root, copiedRoot)).toBeGreaterThan(500 * MIB);
      expectSameFat(bench, esp, copiedEsp);
      // the boot code of the first sector, and GRUB's core image in its partition
      run('cmp', '-n', '440', golden, disk);
      run('cmp', '-n', String(MIB), '-i', String(MIB), golden, disk);
    }
  });

  it('boots from both to the login prompt', async () => {
    const boot = (image: string, ...options: string[]) =>
      exec('python3', [join(lab, 'boot-check.py'), image, '--timeout', '540', '--cmd', 'hostname', ...options]);
    const [bios, uefi] = await Promise.all([boot(copy), boot(grown, '--uefi')]);
    for (const { stdout } of [bios, uefi]) expect(stdout).toMatch(/^booted[^]*\ngolden$/m);
    console.log(`BIOS: ${bios.stdout.split('\n')[0]}; UEFI: ${uefi.stdout.split('\n')[0]}`);
  });
});
