/**
 * The whole promise, on a real system: a Debian disk is captured, deployed to a file and to a larger disk full of ones, every
 * used block is equal, and it starts up to the login prompt, by UEFI from the disk and by BIOS from the store.
 */
import { statSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BootSight } from '../../src-engine/contract/boot.contract.ts';
import { openEngineThread, resultOf, type TestEngine } from '../support/engine.ts';
import { expectSameFat, expectSameUsedBlocks, expectSoundGpt, sha256 } from '../support/judges.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';
import { boot } from './console.ts';
import { debianDisk, ESP, HOST_NAME, rootOf } from './debian-disk.ts';

if (!canLoop) console.warn('SKIPPED: the boot tests build a disk, for which they need root on Linux');

const GIB = 1024 * MIB;
const DISK_BYTES = 4 * GIB;
const GROWN_BYTES = 6 * GIB;
const BOOT_TIMEOUT_MS = 540_000;

describe.skipIf(!canLoop)('a Debian disk', () => {
  const bench = workbench();
  let golden: string;
  const copy = bench.path('copy.img');
  let grown: string;
  let grownDisk: string;
  let engine: TestEngine;
  let before: string;
  let sight: BootSight | undefined;

  beforeAll(async () => {
    golden = await debianDisk(DISK_BYTES);
    before = await sha256(golden);
    grown = bench.file('grown.img', GROWN_BYTES, 0xff);
    grownDisk = bench.attach(grown);
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
  });

  const part = (disk: string, start: number, bytes: number) =>
    bench.attach(disk, '-o', String(start), '--sizelimit', String(bytes));
  const root = rootOf(DISK_BYTES);
  const openRoot = (disk: string) => part(disk, root.startBytes, root.lengthBytes);
  const openEsp = (disk: string) => part(disk, ESP.startBytes, ESP.lengthBytes);

  it('is captured, and is what it was', async () => {
    const bootProof = { isAccelerated: false, bus: 'virtio', timeoutSeconds: BOOT_TIMEOUT_MS / 1000 } as const;
    const result = resultOf(await engine.capture(golden, 'debian', { bootProof }));
    sight = result.boot;
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

  it('is deployed, exactly as it was captured, to a larger disk that was full of ones', async () => {
    const result = resultOf(await engine.deploy('debian', grownDisk, { confirm: grownDisk, exact: true }));
    expect(result.verifiedBytes).toBeGreaterThanOrEqual(result.processedBytes);
    expectSoundGpt(grownDisk);
    run('sync');
  });

  it('has the same boot code and used blocks on both, and file systems without errors', () => {
    const [goldenRoot, esp] = [openRoot(golden), openEsp(golden)];
    for (const disk of [copy, grown]) {
      const [copiedRoot, copiedEsp] = [openRoot(disk), openEsp(disk)];
      run('e2fsck', '-fn', copiedRoot);
      expect(expectSameUsedBlocks(bench, 'partclone.ext4', goldenRoot, copiedRoot)).toBeGreaterThan(500 * MIB);
      expectSameFat(bench, esp, copiedEsp);
      // the boot code of the first sector, and GRUB's core image in its partition
      run('cmp', '-n', '440', golden, disk);
      run('cmp', '-n', String(MIB), '-i', String(MIB), golden, disk);
    }
  });

  it('starts to the login prompt by UEFI from the larger disk', async () => {
    const { answers, secondsToPrompt } = await boot(grown, 'uefi', ['hostname'], BOOT_TIMEOUT_MS);
    expect(answers).toEqual([HOST_NAME]);
    console.log(`from the larger disk: ${secondsToPrompt} s`);
  });

  it('was started straight from the store once it was captured, and what it showed is kept with it', async () => {
    expect(sight).toMatchObject({ sign: 'login', firmware: 'bios', kernel: expect.stringMatching(/^\d+\.\d+/) });
    // which of its two consoles asks first is not said
    expect(sight!.lastLines).not.toEqual([]);
    const { versions } = await engine.client.call('template.show', { template: 'debian' });
    expect(versions[0].attachments.map(({ name }) => name)).toEqual(['boot-picture.png', 'boot-console.txt']);
    console.log(`from the store: ${sight!.seconds} s`);
  });
});
