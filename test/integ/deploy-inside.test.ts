/** Deploys that change what is inside: the guest gets what was asked for, nothing else differs, and what fails looks unfinished. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CommandParams } from '../../src-engine/contract/commands.ts';
import { findTool } from '../../src-engine/tools/tools.ts';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import type { DeployPlan } from '../../src-engine/contract/plan.contract.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { ELF, writeTree, type GuestTree } from '../support/guests.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => void (engine = await openEngine(bench.path('catalog'))));
afterAll(() => engine.close());

const ROOT_AT = 2 * MIB;
const ROOT_BYTES = 24 * MIB;
const SECRET = '$6$saltsalt$kIrgxPNlrWTaRhcvN5S0xkVF6q4/fmnQ1Fd2qYkZp7P1vTjZ6Xn3kGJHcNDnQ2wYv0nF2dXk3cYpQ8Zq9Jm5q1';

const TREE: GuestTree = {
  '/etc/os-release': 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n',
  '/etc/debian_version': '12.7\n',
  '/etc/hostname': 'template\n',
  '/etc/hosts': '127.0.0.1\tlocalhost\n127.0.1.1\ttemplate\n',
  '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
  '/etc/fstab': 'UUID=0a1b2c3d-1111-4222-8333-000000000001 / ext4 defaults 0 1\n',
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
  '/etc/shadow': 'root:*:19000:0:99999:7:::\n',
  '/etc/group': 'root:x:0:\nsudo:x:27:\n',
  '/etc/gshadow': 'root:*::\nsudo:*::\n',
  '/usr/bin/bash': ELF,
  '/lib/systemd/systemd': ELF,
  '/usr/lib/systemd/systemd': ELF,
  '/var/log/syslog': 'something secret happened\n',
  '/srv/data': 'x'.repeat(3 * MIB),
};

/** A disk with a GPT and one Debian on ext4. */
function disk(name: string, tree: GuestTree = TREE): string {
  const folder = bench.path(`${name}.tree`);
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  writeTree(folder, tree);
  const image = bench.file(`${name}.img`, 32 * MIB);
  run('sgdisk', '-n', `1:${ROOT_AT / 512}:${(ROOT_AT + ROOT_BYTES) / 512 - 1}`, '-t', '1:8300', image);
  const uuid = ['-U', '0a1b2c3d-1111-4222-8333-000000000001'];
  run('mkfs.ext4', '-q', '-F', ...uuid, '-d', folder, '-E', `offset=${ROOT_AT}`, image, `${ROOT_BYTES / 1024}k`);
  return image;
}

const at = (image: string) => `${image}?offset=${ROOT_AT}`;
const cat = (image: string, path: string) => run('debugfs', '-R', `cat ${path}`, at(image));
const EMPTY = { network: [], users: [], files: [], firstBoot: [] };

async function planned(params: Partial<CommandParams<'deploy.plan'>> & { target: string }): Promise<DeployPlan> {
  return engine.client.call('deploy.plan', { template: 'debian', identity: 'keep', ...params });
}

async function started({ planId, confirmWords: [confirm], needsOverwrite }: DeployPlan): Promise<JobView> {
  const start = { planId, overwrite: needsOverwrite, ...(confirm !== undefined && { confirm }) };
  return engine.ended((await engine.client.call('deploy.start', start)).jobId);
}

/** A program of that name which is found before the real one, while `work` runs. */
async function inFrontOfPath<T>(tool: string, script: string, work: () => Promise<T>): Promise<T> {
  const folder = bench.path(`bin-${tool}-${Math.random()}`);
  mkdirSync(folder);
  writeFileSync(join(folder, tool), `#!/bin/sh\n${script}`);
  chmodSync(join(folder, tool), 0o755);
  const before = process.env.PATH;
  process.env.PATH = `${folder}:${before}`;
  try {
    return await work();
  } finally {
    process.env.PATH = before;
  }
}

describe('a deploy', () => {
  let source: string;
  beforeAll(async () => {
    source = disk('debian');
    resultOf(await engine.capture(source, 'debian'));
  });

  test('that asks for nothing changes nothing inside', async () => {
    const plan = await planned({ target: bench.path('plain.img') });
    expect({ changes: plan.guestChanges, notes: plan.settingNotes }).toEqual({ changes: [], notes: [] });
    expect(resultOf(await started(plan)).inside).toBeUndefined();
    expect(cat(bench.path('plain.img'), '/etc/hostname')).toBe('template\n');
  });

  test('with a host name and a fresh identity has them, and nothing else that differs', async () => {
    const target = bench.path('fresh.img');
    const settings = { ...EMPTY, hostname: 'lab-07' };
    const plan = await planned({ target, settings, identity: 'fresh' });
    expect(plan.checks.filter(({ level }) => level === 'block')).toEqual([]);
    const shown = new Map(plan.guestChanges.map((change) => [change.path, change]));
    expect(shown.get('/etc/hostname')).toMatchObject({ reason: 'hostname', before: 'template\n', after: 'lab-07\n' });
    expect(shown.get('/etc/machine-id')).toMatchObject({ reason: 'machine-id' });
    expect(plan.settingNotes.map(({ reason }) => reason)).toContain('hostname');

    const { inside } = resultOf(await started(plan));
    expect(run('e2fsck', '-fn', at(target))).toContain('files');
    expect(run('sgdisk', '-v', target)).toContain('No problems found');
    expect(cat(target, '/etc/hostname')).toBe('lab-07\n');
    expect(cat(target, '/etc/hosts')).toContain('lab-07');
    expect(cat(target, '/etc/machine-id')).not.toContain('0123456789abcdef');
    expect(cat(target, '/srv/data')).toBe(TREE['/srv/data']);

    // what debugfs copies out of both differs in what the list says, and in nothing else
    const [before, after] = [source, target].map((image, i) => {
      const folder = bench.path(`dump-${i}`);
      mkdirSync(folder);
      run('debugfs', '-R', `rdump / ${folder}`, at(image));
      return folder;
    });
    const differing = diff(before, after);
    expect(inside!.changes.map(({ path }) => path).sort()).toEqual(differing);
    expect(inside!.changedFiles).toBe(differing.length);
    expect(inside!.sameFiles).toBeGreaterThan(5);
    expect(inside!.sameBytes).toBeGreaterThan(3 * MIB);
  });

  test('changes a device as it does a file, and a second one of the template', async () => {
    const settings = { ...EMPTY, hostname: 'lab-{n:02}' };
    const targets = [bench.path('a.img'), bench.path('b.img')];
    const plans = await engine.client.call('deploy.planAll', {
      template: 'debian',
      targets,
      settings,
      identity: 'fresh',
    });
    const starts = plans.map(({ planId }) => ({ planId }));
    const job = await engine.ended((await engine.client.call('deploy.startAll', { starts })).jobId);
    expect(job.parts.map(({ error }) => error)).toEqual([null, null]);
    targets.forEach((target, i) => expect(cat(target, '/etc/hostname')).toBe(`lab-0${i + 1}\n`));
    if (!canLoop) return;
    const device = bench.attach(bench.file('device.img', 32 * MIB, 0xff));
    resultOf(await started(await planned({ target: device, settings: { ...EMPTY, hostname: 'device' } })));
    expect(run('sgdisk', '-v', device)).toContain('No problems found');
    expect(cat(device, '/etc/hostname')).toBe('device\n');
    bench.detach(device);
  });

  test('of which a setting cannot be made, or no system is found, is refused', async () => {
    const bare = bench.file('bare.img', 16 * MIB);
    run('mkfs.ext4', '-q', '-F', bare);
    resultOf(await engine.capture(bare, 'bare'));
    const params = { template: 'bare', target: bench.path('bare-target.img'), settings: { ...EMPTY, hostname: 'x' } };
    const plan = await planned(params);
    expect(plan.checks).toContainEqual({ code: 'NO_SYSTEM_TO_CHANGE', level: 'block', data: {} });
    const { code } = await refusal(engine.client.call('deploy.start', { planId: plan.planId }));
    expect(code).toBe('PLAN_BLOCKED');
    expect(existsSync(params.target)).toBe(false);
  });

  test.each([
    ['fails', 'exit 3', 'TOOL_FAILED'],
    ['complains, and ends as if nothing had been wrong', 'echo no >&2', 'TOOL_FAILED'],
    ['does nothing, and says that it did', 'exit 0', 'GUEST_DIFFERS'],
  ])('whose program %s leaves no finished target', async (_, script, code) => {
    const target = bench.path(`unfinished-${code}.img`);
    const job = await inFrontOfPath('debugfs', script, async () =>
      started(await planned({ target, settings: { ...EMPTY, hostname: 'x' } })),
    );
    expect(job.error?.code).toBe(code);
    expect(existsSync(target)).toBe(false);
  });

  test('whose program changes something else too is refused', async () => {
    const target = bench.path('more.img');
    const real = findTool('debugfs');
    const script = `${real} "$@"; case "$*" in -w*) ${real} -w -R 'rm /etc/passwd' /dev/fd/3?offset=${ROOT_AT} 2>/dev/null;; esac`;
    const job = await inFrontOfPath('debugfs', script, async () =>
      started(await planned({ target, settings: { ...EMPTY, hostname: 'x' } })),
    );
    expect(job.error).toMatchObject({ code: 'GUEST_DIFFERS', data: { path: '/etc/passwd', reason: 'changed' } });
    expect(existsSync(target)).toBe(false);
  });

  test.skipIf(!canLoop)('of a device that fails inside leaves one that looks like nothing', async () => {
    const image = bench.file('failing.img', 32 * MIB, 0xff);
    const device = bench.attach(image);
    const job = await inFrontOfPath('debugfs', 'exit 3', async () =>
      started(await planned({ target: device, settings: { ...EMPTY, hostname: 'x' } })),
    );
    expect(job.error?.code).toBe('TOOL_FAILED');
    expect(run('wipefs', '-n', device)).toBe('');
    bench.detach(device);
  });

  test('that hangs inside ends when it is cancelled', async () => {
    const target = bench.path('hanging.img');
    await inFrontOfPath('debugfs', 'sleep 600', async () => {
      const { planId } = await planned({ target, settings: { ...EMPTY, hostname: 'x' } });
      const { jobId } = await engine.client.call('deploy.start', { planId });
      await engine.reached(jobId, 'customising');
      await engine.client.call('job.cancel', { jobId });
      expect((await engine.ended(jobId)).outcome).toBe('aborted');
    });
    expect(existsSync(target)).toBe(false);
  });

  test('tells no secret: not in plans, jobs, the log or the catalog', async () => {
    const target = bench.path('secret.img');
    const users = [{ name: 'ada', passwordHash: SECRET, sshKeys: [], groups: [] }];
    const plan = await planned({ target, settings: { ...EMPTY, hostname: 'x', users }, identity: 'fresh' });
    const job = await started(plan);
    const log = await engine.client.call('log.list', {});
    const catalog = readFileSync(bench.path('catalog/catalog.db')).toString('latin1');
    const wal = existsSync(bench.path('catalog/catalog.db-wal'))
      ? readFileSync(bench.path('catalog/catalog.db-wal')).toString('latin1')
      : '';
    for (const told of [JSON.stringify(plan), JSON.stringify(job), JSON.stringify(log), catalog, wal]) {
      expect(told).not.toContain(SECRET);
      expect(told).not.toContain('something secret happened');
    }
  });
});

/** Files of two folders that differ, as diff(1) finds them. */
function diff(before: string, after: string): string[] {
  const found = spawnSync('diff', ['-rq', '--no-dereference', before, after], { encoding: 'utf8' }).stdout;
  return found
    .trim()
    .split('\n')
    .map((line) => {
      const only = /^Only in (.*): (.*)$/.exec(line);
      const path = only ? `${only[1]}/${only[2]}` : /^Files (.*) and /.exec(line)![1];
      return path.replace(before, '').replace(after, '');
    })
    .sort();
}
