/** A disk that holds most of a template already is read first, and only what differs is written: an older version, an interrupted deploy. */
import { statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandLine, lastLine } from '../support/command-line.ts';
import { makeGptDisk, makeSlowDisk, noise } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { expectSoundGpt, recognised } from '../support/judges.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();

describe.skipIf(!canLoop)('a deploy to a disk', () => {
  const catalog = bench.path('catalog');
  const diskpress = commandLine(catalog);
  let engine: TestEngine;
  let disk: string;
  let lengthBytes: number;

  beforeAll(async () => {
    engine = await openEngine(catalog);
    const made = makeGptDisk(bench, 'disk.img');
    disk = made.path;
    lengthBytes = statSync(disk).size;
    resultOf(await engine.capture(disk, 'disk'));
    // another file, in the file system that most of the disk is
    const note = bench.path('note');
    writeFileSync(note, noise('note', 200_000));
    run('debugfs', '-w', '-R', `write ${note} note`, `${disk}?offset=${made.ext4.startBytes}`);
    resultOf(await engine.capture(disk, 'disk'));
  });
  afterAll(() => engine.close());

  async function plan(template: string, target: string, more: { delta?: 'auto' | 'off'; resume?: boolean } = {}) {
    const made = await engine.client.call('deploy.plan', { template, target, ...more });
    const first = made.checks.find(({ code }) => code === 'TARGET_READ_FIRST');
    return { planId: made.planId, reason: first?.data.reason, found: first?.data.found };
  }
  async function start(planId: string, target: string) {
    const { jobId } = await engine.client.call('deploy.start', { planId, confirm: target });
    return jobId;
  }
  const deployed = async (planId: string, target: string) => resultOf(await engine.ended(await start(planId, target)));
  /** What both ends of the disk are, which are always written anew, and pages of 4 KiB for what differs. */
  const atMost = (differingBytes: number) => 2 * MIB + 1.2 * differingBytes + 64 * 1024;

  test('that holds an older version writes what differs, verifies everything, and leaves what a full deploy leaves', async () => {
    const [target, other] = ['older.img', 'other.img'].map((name) => bench.attach(bench.file(name, lengthBytes)));
    for (const device of [target, other]) {
      const old = await plan('disk@1', device);
      expect(old.reason).toBeUndefined();
      const { writtenBytes, processedBytes } = await deployed(old.planId, device);
      expect(writtenBytes).toBeGreaterThan(0.9 * processedBytes);
    }
    for (const template of ['disk@2', 'disk@1']) {
      const { planId, reason, found } = await plan(template, target);
      expect([reason, found]).toEqual(['layout', expect.arrayContaining([expect.stringContaining('ext4')])]);
      const result = await deployed(planId, target);
      expect(result.writtenBytes).toBeLessThan(atMost(300_000));
      const full = await deployed((await plan(template, other, { delta: 'off' })).planId, other);
      expect(full.writtenBytes).toBeGreaterThan(0.9 * full.processedBytes);
      expect(result.verifiedBytes).toBe(full.verifiedBytes);
      run('cmp', target, other);
      expectSoundGpt(target);
    }
    bench.detach(target);
    bench.detach(other);
  });

  test('that has lost bytes since gets them back', async () => {
    const [target, other] = ['lost.img', 'kept.img'].map((name) => bench.attach(bench.file(name, lengthBytes)));
    for (const device of [target, other]) await deployed((await plan('disk@2', device)).planId, device);
    for (const mib of [3, 17, 20, 62]) {
      run('dd', 'if=/dev/zero', `of=${target}`, 'bs=4096', 'count=3', `seek=${mib * 256}`, 'conv=notrunc,fsync');
    }
    const { planId, reason } = await plan('disk@2', target);
    expect(reason).toBe('layout');
    expect((await deployed(planId, target)).writtenBytes).toBeLessThan(atMost(4 * 3 * 4096));
    // what was lost of the noise is back, and of file systems all that they use
    run('cmp', '-i', String(62 * MIB), '-n', String(MIB), target, other);
    run('e2fsck', '-fn', `${target}?offset=${16 * MIB}`);
    expect((await deployed((await plan('disk@2', target)).planId, target)).writtenBytes).toBeLessThan(atMost(0));
    bench.detach(target);
    bench.detach(other);
  });

  test('whose deploy was interrupted goes on from what is there', async () => {
    const slow = makeSlowDisk(bench, 'slow.img');
    resultOf(await engine.capture(slow, 'slow'));
    const target = bench.attach(bench.file('interrupted.img', statSync(slow).size));
    const first = await plan('slow', target);
    const jobId = await start(first.planId, target);
    await engine.reached(jobId, 'writing');
    await engine.client.call('job.cancel', { jobId });
    const job = await engine.ended(jobId);
    expect(job.outcome).toBe('aborted');
    expect(recognised(target)).toBe('');

    const { planId, reason } = await plan('slow', target);
    expect(reason).toBe('interrupted');
    resultOf(await engine.ended(await start(planId, target)));
    run('cmp', slow, target);
    bench.detach(target);
  });

  test('is read first when asked, and not when asked not to; a file never is', async () => {
    const target = bench.attach(bench.file('empty.img', lengthBytes));
    expect((await plan('disk', target)).reason).toBeUndefined();
    expect((await plan('disk', target, { resume: true })).reason).toBe('asked');
    await deployed((await plan('disk', target)).planId, target);
    expect((await plan('disk', target)).reason).toBe('layout');
    expect((await plan('disk', target, { delta: 'off' })).reason).toBeUndefined();
    expect((await plan('disk', bench.path('new.img'), { resume: true })).reason).toBeUndefined();
    expect((await plan('disk', disk, { resume: true })).reason).toBeUndefined();

    const said = await diskpress('deploy', 'disk', target, '--resume', '--confirm', target, '--json');
    expect(said.code).toBe(0);
    expect(lastLine(said).value.parts[0].result.writtenBytes).toBeLessThanOrEqual(2 * MIB + 64 * 1024);
    const plain = await diskpress('deploy', 'disk', target, '--delta', 'perhaps', '--confirm', target);
    expect(plain.code).toBe(2);
    bench.detach(target);
  });
});
