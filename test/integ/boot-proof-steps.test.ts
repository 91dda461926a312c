/** A boot proof as the last step of a capture, an import and a deploy: what it showed is kept, and what does not come up is there all the same. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { BootChoice } from '../../src-engine/contract/boot.contract.ts';
import { sayingDisk } from '../support/boot-sectors.ts';
import { commandLine, lastLine } from '../support/command-line.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const LOGIN = '\r\nDebian GNU/Linux 12 golden ttyS0\r\n\r\ngolden login: ';
const catalog = bench.path('catalog');
let engine: TestEngine;
const diskpress = commandLine(catalog);

beforeAll(async () => {
  mkdirSync(bench.path('scratch'));
  // QEMU runs as nobody where this is root
  execFileSync('chmod', ['0755', bench.folder]);
  process.env.TMPDIR = bench.path('scratch');
  engine = await openEngine(catalog);
  bench.atEnd(() => engine.close());
});

const PROOF: Partial<BootChoice> = { isAccelerated: false, memoryBytes: 64 * MIB };
const NEVER: Partial<BootChoice> = { ...PROOF, until: 'never said', timeoutSeconds: 3 };
const OUTSIDE = { outside: 'take' } as const;
const attachmentsOf = async (template: string) =>
  (await engine.client.call('template.show', { template })).versions[0].attachments.map(({ name }) => name);

describe('a capture', () => {
  test('that comes up has its screen as its picture, and its console', async () => {
    const disk = sayingDisk(bench.path('up.img'), LOGIN);
    const job = await engine.capture(disk, 'up', { ...OUTSIDE, bootProof: PROOF });
    const { boot, notProven, templateId } = resultOf(job);
    expect(boot).toMatchObject({ sign: 'login', firmware: 'bios', accelerator: 'tcg' });
    expect([notProven, job.warnings.filter(({ code }) => code === 'NOT_PROVEN')]).toEqual([undefined, []]);
    expect(job.phases.at(-1)!.phase).toBe('booting');
    expect(await attachmentsOf('up')).toEqual(['boot-picture.png', 'boot-console.txt']);
    expect((await engine.client.call('boot.evidence', { jobId: job.id })).console).toContain('golden login:');
    expect(templateId).not.toBeNull();
  });

  test('of several disks is started with all of them, once', async () => {
    const first = sayingDisk(bench.path('first.img'), LOGIN);
    const others = [bench.file('second.img', 2 * MIB, 0x11)];
    const job = await engine.capture(first, 'pair', { ...OUTSIDE, others, bootProof: PROOF });
    expect(resultOf(job).boot!.sign).toBe('login');
    expect(job.parts.map(({ result }) => result!.boot?.sign)).toEqual(['login', undefined]);
  });

  test('that does not come up stays, whole, and is told as not proven', async () => {
    const disk = sayingDisk(bench.path('down.img'), LOGIN);
    const job = await engine.capture(disk, 'down', { ...OUTSIDE, bootProof: NEVER });
    const { boot, notProven, versionNumber } = resultOf(job);
    expect([boot, notProven!.code, versionNumber]).toEqual([undefined, 'BOOT_NO_SIGN', 1]);
    expect(job.warnings).toContainEqual({ code: 'NOT_PROVEN', data: { name: 'down@1' } });
    // as it is written down
    const kept = await engine.client.call('job.show', { jobId: job.id });
    expect(kept.result!.notProven).toMatchObject({ code: 'BOOT_NO_SIGN', data: { until: 'never said' } });
    expect(await attachmentsOf('down')).toEqual(['failed-boot-picture.png', 'failed-boot-console.txt']);
    expect(resultOf(await engine.verify('down')).damagedTemplates).toEqual([]);
    resultOf(await engine.deploy('down', bench.path('down.deployed')));
    run('cmp', disk, bench.path('down.deployed'));
  });

  test('whose proof is cancelled is there', async () => {
    const disk = sayingDisk(bench.path('cancelled.img'), LOGIN);
    const bootProof = { ...NEVER, timeoutSeconds: 600 };
    const { planId } = await engine.client.call('capture.plan', { source: disk, name: 'cut', ...OUTSIDE, bootProof });
    const { jobId } = await engine.client.call('capture.start', { planId });
    await engine.reached(jobId, 'booting');
    await engine.client.call('job.cancel', { jobId });
    const { notProven, versionNumber } = resultOf(await engine.ended(jobId));
    expect([notProven!.code, versionNumber]).toEqual(['ABORTED', 1]);
  });

  test('is refused before anything is read where it could not be proven', async () => {
    const disk = sayingDisk(bench.path('refused.img'), LOGIN);
    const plan = (bootProof: Partial<BootChoice>) =>
      refusal(engine.client.call('capture.plan', { source: disk, name: 'refused', ...OUTSIDE, bootProof }));
    expect(await plan({ isSecureBoot: true, machineType: 'pc' })).toMatchObject({
      code: 'BAD_REQUEST',
      data: { reason: 'secure boot needs q35' },
    });
    expect(await plan({ isSecureBoot: true, firmware: 'bios' })).toMatchObject({ code: 'BAD_REQUEST' });
    const before = process.env.PATH;
    process.env.PATH = bench.folder;
    const missing = await plan(PROOF).finally(() => (process.env.PATH = before));
    expect(missing).toMatchObject({ code: 'TOOL_MISSING', data: { package: 'qemu-system-x86' } });
  });
});

test('an import is started as a capture is', async () => {
  const raw = sayingDisk(bench.path('import.img'), LOGIN);
  const path = bench.path('import.qcow2');
  run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, path);
  const { planId } = await engine.client.call('import.plan', { path, name: 'imported', ...OUTSIDE, bootProof: PROOF });
  const job = await engine.ended((await engine.client.call('import.start', { planId })).jobId);
  expect(resultOf(job).boot!.sign).toBe('login');
  expect(await attachmentsOf('imported')).toEqual(['boot-picture.png', 'boot-console.txt']);
});

test.each([
  ['pc', 'ide'],
  ['pc', 'sata'],
  ['pc', 'scsi'],
  ['q35', 'virtio'],
] as const)('a machine of type %s starts from %s', async (machineType, bus) => {
  const subject = bench.path('bus.img');
  rmSync(subject, { force: true });
  sayingDisk(subject, LOGIN);
  const { jobId } = await engine.client.call('boot.start', { subject, ...PROOF, timeoutSeconds: 60, machineType, bus });
  expect(resultOf(await engine.ended(jobId)).boot!.sign).toBe('login');
});

describe('the command line', () => {
  const how = ['--no-acceleration', '--memory', '64', '--machine-type', 'pc', '--bus', 'ide'];

  test('ends with a code of its own for what is captured and not proven', async () => {
    const disk = sayingDisk(bench.path('cli.img'), LOGIN);
    const capture = ['capture', disk, '--outside', 'take', '--boot-proof', ...how, '--timeout', '3'];
    const ended = await diskpress(...capture, '--name', 'cli', '--until', 'never said');
    expect(ended).toMatchObject({ code: 12, err: expect.stringContaining('cli@1 is captured, not proven') });
    expect(ended.err).toContain('there was no sign of it having come up (“never said”)');
    const { value } = lastLine(await diskpress('--json', 'show', 'cli'));
    expect(value.versions[0].attachments.map(({ name }: { name: string }) => name)).toContain(
      'failed-boot-console.txt',
    );
  });

  test('takes no options of a proof that is not asked for', async () => {
    const ended = await diskpress('capture', bench.path('cli.img'), '--name', 'none', '--timeout', '3');
    expect(ended).toMatchObject({ code: 2, err: expect.stringContaining('--timeout says how a machine is started') });
    const bad = await diskpress('deploy', 'cli', bench.path('x.img'), '--boot-proof', '--machine-type', 'amiga');
    expect(bad).toMatchObject({ code: 2, err: expect.stringContaining('q35, pc') });
  });

  test('of a deploy gives back later what each target showed', async () => {
    const [a, b] = [bench.path('a.img'), bench.path('b.img')];
    const ended = await diskpress('--json', 'deploy', 'cli', a, b, '--boot-proof', ...how);
    expect(ended, ended.err).toMatchObject({ code: 0 });
    const { id } = lastLine(ended).value;
    const saved = ['--target', b, '--picture', bench.path('b.png'), '--console', bench.path('b.txt')];
    const shown = await diskpress('jobs', 'show', id, ...saved);
    expect(shown, shown.err).toMatchObject({
      code: 0,
      out: expect.stringContaining(`jobs show ${id.slice(0, 8)} --picture`),
    });
    expect(readFileSync(bench.path('b.png')).subarray(1, 4).toString()).toBe('PNG');
    expect(readFileSync(bench.path('b.txt'), 'utf8')).toContain('golden login:');
    const [part] = lastLine(ended).value.parts;
    expect((await engine.client.call('boot.evidence', { jobId: part.planId })).console).toContain('golden login:');
  });
});
