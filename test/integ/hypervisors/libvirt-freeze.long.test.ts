/**
 * File systems stand still for a moment of a capture, and go on whatever becomes of it. The machine is a real one, without a system; what its guest
 * agent would say is said by a program between us and virsh.
 */
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openEngineThread, resultOf, type TestEngine } from '../../support/engine.ts';
import { startLibvirt } from '../../support/libvirt.ts';
import { canLoop, run, workbench } from '../../support/workbench.ts';
import { startWriting, writingMachine } from '../../support/writing-machine.ts';

const NAME = 'live-frozen';

describe.skipIf(!canLoop)('a machine with a guest agent', () => {
  const bench = workbench();
  const said = bench.path('said');
  let engine: TestEngine;

  beforeAll(async () => {
    startLibvirt();
    const virsh = run('which', 'virsh').trim();
    const agent = `<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>`;
    const program = bench.path('virsh');
    writeFileSync(
      program,
      `#!/bin/sh
case "$*" in
  *domfsfreeze*) echo freeze >> ${said}; [ -e ${said}.mute ] && { echo 'error: Guest agent is not responding' >&2; exit 1; }; echo 'Froze 2 filesystem(s)';;
  *domfsthaw*) echo thaw >> ${said}; [ -e ${said}.stuck ] && exit 1; echo 'Thawed 2 filesystem(s)';;
  *backup-begin*) echo begin >> ${said}; [ -e ${said}.none ] && { echo 'error: no' >&2; exit 1; }; exec ${virsh} "$@";;
  *' dumpxml --domain'*) ${virsh} "$@" | sed "s#</devices>#${agent}</devices>#";;
  *) exec ${virsh} "$@";;
esac
`,
    );
    chmodSync(program, 0o755);
    const path = process.env.PATH;
    process.env.PATH = bench.folder + delimiter + path;
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
    bench.atEnd(() => (process.env.PATH = path));
    writingMachine(bench, NAME);
    await startWriting(NAME);
  });
  beforeEach(() => {
    for (const fault of ['', '.mute', '.stuck', '.none']) rmSync(said + fault, { force: true });
  });

  const owed = () =>
    existsSync(bench.path('catalog', 'pledges')) ? readdirSync(bench.path('catalog', 'pledges')) : [];
  /** @returns what was asked since the plan was made */
  async function capture(fault = '') {
    const request = { source: `libvirt:${NAME}`, name: 'frozen', live: true, outside: 'take' } as const;
    const { planId, checks } = await engine.client.call('capture.plan', request);
    rmSync(said, { force: true });
    if (fault) writeFileSync(said + fault, '');
    const job = await engine.ended((await engine.client.call('capture.start', { planId })).jobId);
    const { versions } = await engine.client
      .call('template.show', { template: 'frozen' })
      .catch(() => ({ versions: [] }));
    return { job, checks, asked: readFileSync(said, 'utf8').trim().split('\n'), consistency: versions[0]?.consistency };
  }

  test('has its file systems stand still for the moment, and no longer', async () => {
    const { job, checks, asked, consistency } = await capture();
    resultOf(job);
    expect([asked, consistency]).toEqual([['freeze', 'begin', 'thaw'], 'file-systems']);
    expect(checks).toContainEqual(expect.objectContaining({ code: 'LIVE_FROZEN' }));
    const { checks: ofDeploy } = await engine.client.call('deploy.plan', {
      template: 'frozen',
      disk: 1,
      target: bench.path('t.img'),
    });
    expect(ofDeploy).toContainEqual(expect.objectContaining({ code: 'TEMPLATE_FROZEN', level: 'pass' }));
    expect(owed()).toEqual([]);
  });

  test('that does not answer is captured as it is; what it may have heard is taken back', async () => {
    const { job, asked, consistency } = await capture('.mute');
    resultOf(job);
    expect([asked, consistency, owed()]).toEqual([['freeze', 'begin', 'thaw'], 'crash', []]);
  });

  test('goes on where no moment could be had', async () => {
    const { job, asked } = await capture('.none');
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'LIVE_NOT_POSSIBLE' } });
    expect([asked.slice(0, 3), owed()]).toEqual([['freeze', 'begin', 'thaw'], []]);
  });

  test('that cannot be told to go on is told so by the next engine', async () => {
    const { job, asked } = await capture('.stuck');
    resultOf(job);
    expect(asked.filter((one) => one === 'thaw').length).toBeGreaterThan(1);
    const [name] = owed();
    const { pledge } = JSON.parse(
      readFileSync(join(bench.path('catalog', 'pledges'), name), 'utf8').split('\n')[0],
    ) as {
      pledge: object;
    };
    expect(pledge).toMatchObject({ kind: 'thaw-machine', place: `libvirt:${NAME}` });
  });
});
