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
const SEVERAL = ['making-half-1', 'making-half-2', 'making-half-3'];
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
    removeAtEnd(bench, NAME, ...SEVERAL);
    pool = definePool(bench, POOL);
    mkdirSync(signs);
    mkdirSync(programs);
    // the real virsh, which is stopped before or behind a definition, or whose daemon is not there from then on
    const script = `#!/bin/sh
is_define() { case " $* " in *" define "*) return 0;; esac; return 1; }
is_start() { case " $* " in *" start "*) return 0;; esac; return 1; }
is_first() { (set -C; : > ${signs}/first) 2>/dev/null; }
if is_define "$@" && [ -e ${signs}/go-away ]; then touch ${signs}/away; fi
if [ -e ${signs}/away ]; then shift 3; exec /usr/bin/virsh --quiet --connect 'qemu+unix:///system?socket=/nowhere' "$@"; fi
if is_define "$@" && [ -e ${signs}/stop-before ]; then touch ${signs}/stopped; exec sleep 1000; fi
if is_define "$@" && [ -e ${signs}/stop-behind ]; then /usr/bin/virsh "$@"; touch ${signs}/stopped; exec sleep 1000; fi
if [ -e ${signs}/stop-others ]; then
  if is_define "$@" && ! is_first; then touch ${signs}/stopped-$$; exec sleep 1000; fi
  if is_start "$@"; then /usr/bin/virsh "$@" && touch ${signs}/started; exit; fi
fi
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

  const start = (place = `libvirt:${NAME}`, ...more: string[]) =>
    spawn(process.execPath, [CLI, '--catalog', catalog, 'deploy', 'disk', place, '--pool', POOL, ...more]);
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

  test('of several that is killed when one of them runs leaves that one, and nothing of the others', async () => {
    writeFileSync(sign('stop-others'), '');
    const child = start('libvirt:making-half-{n}', '--count', '3', '--net', 'none', '--start');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const stopped = () => readdirSync(signs).filter((name) => name.startsWith('stopped-'));
    while ((!existsSync(sign('started')) || stopped().length < 2) && child.exitCode === null) await sleep(50);
    const made = domainNames().filter((name) => SEVERAL.includes(name));
    expect(made).toHaveLength(1);
    child.kill('SIGKILL');
    await ended;
    rmSync(sign('stop-others'));

    const engine = await openEngineThread(catalog);
    // it tells after some seconds what it still works at
    while ((await engine.client.call('pledge.list', {})).length > 0) await sleep(200);
    expect((await engine.client.call('job.list', {}))[0]).toMatchObject({ kind: 'deploy', outcome: 'lost' });
    expect(domainNames().filter((name) => SEVERAL.includes(name))).toEqual(made);
    expect(virsh('domstate', `--domain=${made[0]}`).trim()).toBe('running');
    expect(readdirSync(pool)).toEqual([`${made[0]}.qcow2`]);
    // the others can be made as if nothing had been
    const others = SEVERAL.filter((name) => !made.includes(name)).map((name) => `libvirt:${name}`);
    const plans = await engine.client.call('deploy.planAll', { template: 'disk', targets: others, vm: { pool: POOL } });
    const starts = plans.map(({ planId }) => ({ planId }));
    const { jobId } = await engine.client.call('deploy.startAll', { starts });
    expect(await engine.ended(jobId)).toMatchObject({ outcome: 'done' });
    await engine.close();
    for (const name of SEVERAL) {
      if (made.includes(name)) virsh('destroy', `--domain=${name}`);
      virsh('undefine', `--domain=${name}`);
      virsh('vol-delete', `--pool=${POOL}`, `${name}.qcow2`);
    }
    expectNothing();
  });

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
