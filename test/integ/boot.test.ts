/** Boot proofs of disks that are made to come up, to hang, to panic, to fault and to babble: each told by its own name, and left as it was. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CommandParams } from '../../src-engine/contract/commands.ts';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import { probe } from '../../src-engine/machines/qemu/acceleration.ts';
import {
  babblingDisk,
  faultingDisk,
  sayingDisk,
  showingDisk,
  silentDisk,
  switchingOffDisk,
  virtioOnlyDisk,
  writingDisk,
} from '../support/boot-sectors.ts';
import { commandLine, lastLine } from '../support/command-line.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { sha256 } from '../support/judges.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const LOGIN = '\r\nDebian GNU/Linux 12 golden ttyS0\r\n\r\ngolden login: ';
const catalog = bench.path('catalog');
let engine: TestEngine;

beforeAll(async () => {
  const scratch = bench.path('scratch');
  mkdirSync(scratch);
  // QEMU runs as nobody where this is root
  execFileSync('chmod', ['0755', bench.folder]);
  process.env.TMPDIR = scratch;
  engine = await openEngine(catalog);
  bench.atEnd(() => engine.close());
});

const starting = async (subject: string, choice: Partial<CommandParams<'boot.start'>> = {}): Promise<string> => {
  const params = { subject, isAccelerated: false, memoryBytes: 64 * MIB, ...choice };
  return (await engine.client.call('boot.start', params)).jobId;
};
const boot = async (...asked: Parameters<typeof starting>): Promise<JobView> => engine.ended(await starting(...asked));

/** Processes of QEMU that have this test's folder in their environment. */
const machines = () =>
  readdirSync('/proc').filter((pid) => {
    try {
      const isQemu = readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('qemu-system');
      return isQemu && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(bench.folder);
    } catch {
      return false;
    }
  });

describe('a disk that comes up', () => {
  test('is proven by its login prompt on the serial console, and is what it was', async () => {
    const disk = sayingDisk(bench.path('login.img'), `Linux version 6.1.0-18-amd64 (x)${LOGIN}`);
    const before = await sha256(disk);
    const job = await boot(disk);
    expect(resultOf(job).boot).toMatchObject({
      sign: 'login',
      kernel: '6.1.0-18-amd64',
      firmware: 'bios',
      accelerator: 'tcg',
      failedUnits: [],
    });
    expect(await sha256(disk)).toBe(before);
    const { console, pictureBase64 } = await engine.client.call('boot.evidence', { jobId: job.id });
    expect(console).toContain('golden login:');
    const picture = bench.path('picture.png');
    writeFileSync(picture, Buffer.from(pictureBase64!, 'base64'));
    expect(run('python3', '-c', PNG_SIZE, picture).trim()).toBe('720 400');
    // jobs are kept with what they saw
    expect((await engine.client.call('job.show', { jobId: job.id })).result!.boot!.sign).toBe('login');
    expect(readdirSync(bench.path('scratch'))).toEqual([]);
  });

  test('is proven by a login prompt on a screen of letters, where it has no serial console', async () => {
    const job = await boot(showingDisk(bench.path('screen.img'), LOGIN));
    expect(resultOf(job).boot!.sign).toBe('login');
  });

  test('is proven by a text that was agreed, whatever its format', async () => {
    const raw = sayingDisk(bench.path('text.img'), 'the lab is ready');
    const qcow2 = bench.path('text.qcow2');
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', '-c', raw, qcow2);
    const job = await boot(qcow2, { until: 'lab is ready', bus: 'virtio' });
    expect(resultOf(job).boot!.sign).toBe('text');
  });

  test('writes into an overlay that nobody keeps', async () => {
    const disk = writingDisk(bench.path('writing.img'), 'written login: ');
    const before = await sha256(disk);
    resultOf(await boot(disk, { bus: 'ide' }));
    expect(await sha256(disk)).toBe(before);
  });

  test('straight from the store, with what it showed as attachments of its version', async () => {
    const disk = sayingDisk(bench.path('stored.img'), LOGIN);
    resultOf(await engine.capture(disk, 'stored', { outside: 'take' }));
    rmSync(disk);
    const { boot: sight, versionNumber } = resultOf(await boot('stored'));
    expect([sight!.sign, versionNumber]).toEqual(['login', 1]);
    const { versions } = await engine.client.call('template.show', { template: 'stored' });
    expect(versions[0].attachments.map(({ name, mediaType }) => [name, mediaType])).toEqual([
      ['boot-picture.png', 'image/png'],
      ['boot-console.txt', 'text/plain'],
    ]);
  });

  test.skipIf(!canLoop)('is an attached disk as well, which is only read', async () => {
    const image = sayingDisk(bench.path('device.img'), LOGIN);
    const device = bench.attach('-r', image);
    resultOf(await boot(device));
  });
});

/** Width and height of a PNG, as Python's own reading of its first chunk has it. */
const PNG_SIZE = 'import sys,struct; print(*struct.unpack(">II", open(sys.argv[1],"rb").read()[16:24]))';

describe('a disk that does not come up', () => {
  test.each([
    ['BOOT_PANIC', 'Kernel panic - not syncing: VFS: Unable to mount root fs'],
    ['BOOT_EMERGENCY', 'You are in emergency mode. After logging in, type'],
    ['BOOT_LOADER_STUCK', 'error: no such device.\r\nEntering rescue mode...\r\ngrub rescue> '],
  ])('is told as %s: %s', async (code, text) => {
    const { outcome, error } = await boot(sayingDisk(bench.path('trouble.img'), text));
    expect(outcome).toBe('failed');
    expect(error).toMatchObject({ code, data: { last: text.split('\n').at(-1)!.trim() } });
  });

  describe('whose kernel has no driver for what nobody said it is plugged into', () => {
    const LOST = 'Gave up waiting for root file system device.\r\nALERT!  /dev/vda1 does not exist.\r\n(initramfs) ';

    test('is started again on the next bus, which is told', async () => {
      const job = await boot(virtioOnlyDisk(bench.path('virtio.img'), LOST, LOGIN));
      expect(resultOf(job).boot).toMatchObject({ sign: 'login', bus: 'virtio', busesWithoutRoot: ['sata'] });
      const kept = await engine.client.call('job.show', { jobId: job.id });
      expect(kept.result!.boot).toMatchObject({ bus: 'virtio', busesWithoutRoot: ['sata'] });
    });

    test('is started once where the bus was said, and told with its name', async () => {
      const { error } = await boot(bench.path('virtio.img'), { bus: 'ide' });
      expect(error).toMatchObject({ code: 'BOOT_NO_ROOT', data: { bus: 'ide' } });
    });

    test('is told with all that was tried', async () => {
      const ended = await commandLine(catalog)(
        ...['boot', sayingDisk(bench.path('lost.img'), LOST), '--memory', '64', '--no-acceleration'],
      );
      expect(ended).toMatchObject({ code: 7, err: expect.stringContaining('with its disk on sata and virtio') });
      expect(ended.err).toContain('--bus virtio');
    });
  });

  test('has nothing to start', async () => {
    const { error } = await boot(bench.file('zeros.img', MIB));
    expect(error).toMatchObject({ code: 'BOOT_NO_LOADER', data: { firmware: 'bios' } });
  });

  test('resets itself again and again, or switches itself off', async () => {
    const [faulting, off] = [faultingDisk(bench.path('fault.img')), switchingOffDisk(bench.path('off.img'))];
    expect((await boot(faulting)).error!.code).toBe('BOOT_ENDED');
    expect((await boot(off)).error!.code).toBe('BOOT_ENDED');
  });

  test('says nothing until the time is over', async () => {
    const { error, id } = await boot(silentDisk(bench.path('silent.img')), { timeoutSeconds: 2 });
    expect(error).toMatchObject({ code: 'BOOT_NO_SIGN', data: { until: 'login' } });
    expect((await engine.client.call('boot.evidence', { jobId: id })).pictureBase64).not.toBeNull();
  });

  test('babbles without end, of terminals and cursors, which nobody gets to see as such', async () => {
    const disk = babblingDisk(bench.path('babble.img'), '\x1b[31m\x1b]0;x\x07\x08\xe2\x80\xae\x00'.padEnd(40, 'b'));
    const cli = commandLine(catalog);
    const { code, out, err } = await cli('boot', disk, '--memory', '64', '--no-acceleration', '--timeout', '3');
    expect(code).toBe(7);
    expect(err).toContain('BOOT_NO_SIGN');

    expect(out + err).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/);
  });
});

describe('a proof', () => {
  test('that is cancelled leaves no machine and no file', async () => {
    const jobId = await starting(silentDisk(bench.path('cancelled.img')));
    await expect.poll(machines, { timeout: 20_000 }).toHaveLength(1);
    await engine.client.call('job.cancel', { jobId });
    expect((await engine.ended(jobId)).outcome).toBe('aborted');
    expect(machines()).toEqual([]);
    expect(readdirSync(bench.path('scratch'))).toEqual([]);
  });

  test('whose QEMU dies says so', async () => {
    const jobId = await starting(silentDisk(bench.path('dies.img')));
    await expect.poll(machines, { timeout: 20_000 }).toHaveLength(1);
    process.kill(Number(machines()[0]), 'SIGKILL');
    const { error } = await engine.ended(jobId);
    expect(error).toMatchObject({ code: 'TOOL_FAILED', data: { tool: 'qemu-system-x86_64' } });
  });

  test('ends with the process that made it, however that ends', async () => {
    const disk = silentDisk(bench.path('killed.img'));
    const main = join(process.env.DISKPRESS_WORKERS!, 'cli.js');
    const args = ['--catalog', bench.path('other'), 'boot', disk, '--memory', '64', '--no-acceleration'];
    const child = spawn(process.execPath, [main, ...args], { stdio: 'ignore' });
    await expect.poll(machines, { timeout: 30_000 }).toHaveLength(1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await expect.poll(machines, { timeout: 10_000 }).toEqual([]);
    // what it left goes with the next one
    resultOf(await boot(sayingDisk(bench.path('next.img'), LOGIN)));
    expect(readdirSync(bench.path('scratch'))).toEqual([]);
  });

  test('needs QEMU, room for what the guest writes, and a disk that nobody writes to', async () => {
    const disk = sayingDisk(bench.path('needs.img'), LOGIN);
    const before = process.env.PATH;
    process.env.PATH = bench.folder;
    const missing = await boot(disk).finally(() => (process.env.PATH = before));
    expect(missing.error).toMatchObject({ code: 'TOOL_MISSING', data: { package: 'qemu-system-x86' } });
    expect((await refusal(engine.client.call('boot.start', { subject: bench.path('nobody.img') }))).code).toBe(
      'SOURCE_NOT_FOUND',
    );
    if (!canLoop) return;
    const small = bench.path('small');
    mkdirSync(small);
    run('mount', '-t', 'tmpfs', '-o', 'size=8m', 'none', small);
    bench.atEnd(() => run('umount', small));
    process.env.TMPDIR = small;
    const full = await boot(disk).finally(() => (process.env.TMPDIR = bench.path('scratch')));
    expect(full.error).toMatchObject({ code: 'DISK_FULL', data: { path: small } });
  });

  test('through the command line is its exit code, and saves the picture', async () => {
    const cli = commandLine(catalog);
    const picture = bench.path('cli.png');
    const args = ['--memory', '64', '--no-acceleration', '--picture', picture];
    const up = await cli('--json', 'boot', sayingDisk(bench.path('cli.img'), LOGIN), ...args);
    expect([up.code, lastLine(up).value.result.boot.sign]).toEqual([0, 'login']);
    expect(readFileSync(picture).subarray(1, 4).toString()).toBe('PNG');
    const again = await cli('boot', bench.path('cli.img'), ...args);
    expect([again.code, again.err]).toEqual([5, expect.stringContaining('OVERWRITE_REQUIRED')]);
  });
});

describe('a deploy', () => {
  const deploying = async (target: string, until: string, timeoutSeconds?: number): Promise<JobView> => {
    const bootProof = { isAccelerated: false, memoryBytes: 64 * MIB, until, timeoutSeconds };
    const { planId } = await engine.client.call('deploy.plan', { template: 'deployed', target, bootProof });
    return engine.ended((await engine.client.call('deploy.start', { planId })).jobId);
  };

  test('starts what it has written where that was asked for, and tells where it does not come up', async () => {
    const disk = sayingDisk(bench.path('deployed.img'), LOGIN);
    resultOf(await engine.capture(disk, 'deployed', { outside: 'take' }));
    const target = bench.path('target.img');
    const job = await deploying(target, 'login');
    expect(resultOf(job).boot!.sign).toBe('login');
    expect(job.phases.at(-1)!.phase).toBe('booting');
    expect(await sha256(target)).toBe(await sha256(disk));
    // what is written is written, whatever it does when it is started
    const other = bench.path('other.img');
    const unproven = await deploying(other, 'never said', 3);
    expect(resultOf(unproven)).toMatchObject({ notProven: { code: 'BOOT_NO_SIGN' } });
    expect(resultOf(unproven).verifiedBytes).toBe(resultOf(job).verifiedBytes);
    expect(unproven.warnings).toContainEqual({ code: 'DEPLOY_NOT_PROVEN', data: { path: other } });
    expect(await sha256(other)).toBe(await sha256(disk));
    const [deployed] = await engine.client.call('log.list', { limit: 1 });
    expect([deployed.action, deployed.data.target]).toEqual(['template.deployed', other]);
  });

  test('that is whole and not proven is told as both, with an exit code of its own', async () => {
    const [one, two] = [bench.path('one.img'), bench.path('two.img')];
    const how = ['--boot-proof', '--no-acceleration', '--memory', '64', '--until', 'never said', '--timeout', '2'];
    const ended = await commandLine(catalog)('deploy', 'deployed', one, two, ...how);
    expect(ended).toMatchObject({ code: 12, err: expect.stringContaining('DEPLOY_NOT_PROVEN') });
    expect(ended.out + ended.err).toContain('read back and equal');
    for (const path of [one, two]) expect(ended.err).toContain(`${path}: It is written whole and read back`);
    expect(await sha256(one)).toBe(await sha256(two));
  });
});

describe('acceleration', () => {
  test('is trusted where a few instructions come to their end: emulated, they do', async () => {
    expect(await probe('tcg')).toBe(true);
    await sleep(0);
  });
});
