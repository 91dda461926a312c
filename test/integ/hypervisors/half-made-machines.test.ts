/** What is left of a machine whose making was cut off: nothing, at the latest when the next engine has started. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openEngineThread, resultOf } from '../../support/engine.ts';
import { definePool, domainNames, removeAtEnd, startLibvirt, virsh } from '../../support/libvirt.ts';
import { canLoop, run, workbench } from '../../support/workbench.ts';

const POOL = 'making-half-pool';
const NAME = 'making-half';
const CLI = new URL('../../../out/main/cli.js', import.meta.url).pathname;

describe.skipIf(!canLoop)('the making of a machine', () => {
  const bench = workbench();
  const catalog = bench.path('catalog');
  const signs = bench.path('signs');
  const programs = bench.path('bin');
  const sign = (name: string) => bench.path('signs', name);
  let pool = '';

  beforeAll(async () => {
    startLibvirt();
    run('chmod', 'a+x', bench.folder);
    removeAtEnd(bench, NAME);
    pool = definePool(bench, POOL);
    mkdirSync(signs);
    mkdirSync(programs);
    // the real virsh, which is stopped before or behind a definition, or whose daemon is not there from then on
    const script = `#!/bin/sh
is_define() { case " $* " in *" define "*) return 0;; esac; return 1; }
if is_define "$@" && [ -e ${signs}/go-away ]; then touch ${signs}/away; fi
if [ -e ${signs}/away ]; then shift 3; exec /usr/bin/virsh --quiet --connect 'qemu+unix:///system?socket=/nowhere' "$@"; fi
if is_define "$@" && [ -e ${signs}/stop-before ]; then touch ${signs}/stopped; exec sleep 1000; fi
if is_define "$@" && [ -e ${signs}/stop-behind ]; then /usr/bin/virsh "$@"; touch ${signs}/stopped; exec sleep 1000; fi
exec /usr/bin/virsh "$@"
`;
    writeFileSync(bench.path('bin', 'virsh'), script);
    chmodSync(bench.path('bin', 'virsh'), 0o755);
    const path = process.env.PATH;
    process.env.PATH = `${programs}:${path}`;
    bench.atEnd(() => (process.env.PATH = path));
    run('sh', '-c', `head -c 2M /dev/urandom > ${bench.path('disk.img')}`);
    const engine = await openEngineThread(catalog);
    resultOf(await engine.capture(bench.path('disk.img'), 'disk', { format: 'raw' }));
    await engine.close();
  });

  afterEach(() => {
    for (const name of readdirSync(signs)) rmSync(sign(name));
  });

  const start = () =>
    spawn(process.execPath, [CLI, '--catalog', catalog, 'deploy', 'disk', `libvirt:${NAME}`, '--pool', POOL]);
  const cli = async () => {
    const child = start();
    let said = '';
    child.stderr.on('data', (text) => (said += String(text)));
    const code = await new Promise((resolve) => child.once('close', resolve));
    return { code, said };
  };
  const expectNothing = () => {
    expect(readdirSync(pool)).toEqual([]);
    expect(domainNames()).not.toContain(NAME);
    expect(virsh('vol-list', `--pool=${POOL}`).trim()).toBe('');
  };

  test('ends without a trace where the daemon is gone when it is to be defined; what is owed is told until it is there', async () => {
    writeFileSync(sign('go-away'), '');
    const { code, said } = await cli();
    expect([code, said]).toEqual([9, expect.stringContaining('virsh')]);
    expect(existsSync(sign('away'))).toBe(true);
    expect(readdirSync(pool)).toEqual([]);

    const still = await openEngineThread(catalog);
    expect(await still.client.call('pledge.list', {})).toMatchObject([
      { kind: 'unmake-machine', place: `libvirt:${NAME}`, error: { code: 'HYPERVISOR_UNREACHABLE' } },
    ]);
    await still.close();
    for (const name of ['go-away', 'away']) rmSync(sign(name));
    const again = await openEngineThread(catalog);
    expect(await again.client.call('pledge.list', {})).toEqual([]);
    await again.close();
    expectNothing();
  });

  for (const [when, name] of [
    ['before', 'stop-before'],
    ['behind', 'stop-behind'],
  ]) {
    test(`that is killed ${when} its definition is taken back by the next engine`, async () => {
      writeFileSync(sign(name), '');
      const child = start();
      const ended = new Promise((resolve) => child.once('exit', resolve));
      while (!existsSync(sign('stopped')) && child.exitCode === null) await sleep(50);
      expect(readdirSync(pool).filter((file) => !file.startsWith('.'))).toEqual([`${NAME}.qcow2`]);
      expect(domainNames().includes(NAME)).toBe(when === 'behind');
      child.kill('SIGKILL');
      await ended;
      rmSync(sign(name));
      const engine = await openEngineThread(catalog);
      expect(await engine.client.call('pledge.list', {})).toEqual([]);
      expect((await engine.client.call('job.list', {}))[0]).toMatchObject({ kind: 'deploy', outcome: 'lost' });
      await engine.close();
      expectNothing();
    });
  }

  test('that is cancelled while it waits for its definition leaves nothing', async () => {
    writeFileSync(sign('stop-before'), '');
    const engine = await openEngineThread(catalog);
    const plans = await engine.client.call('deploy.planAll', {
      template: 'disk',
      targets: [`libvirt:${NAME}`],
      vm: { pool: POOL },
    });
    const { jobId } = await engine.client.call('deploy.startAll', { starts: [{ planId: plans[0].planId }] });
    while (!existsSync(sign('stopped'))) await sleep(50);
    await engine.client.call('job.cancel', { jobId });
    expect(await engine.ended(jobId)).toMatchObject({ outcome: 'aborted' });
    expectNothing();
    await engine.close();
    expect(readdirSync(bench.path('catalog', 'pledges'))).toEqual([]);
  });
});
