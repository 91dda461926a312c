/** The helper with root's rights, spoken to by whoever may start it: as a real process of root's, as pkexec starts it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { HelperMessage } from '../../../src-engine/host/rights/helper-protocol.ts';
import { thisMachine } from '../../../src-engine/machines/this-machine.ts';
import { openNbd } from '../../../src-engine/nbd/client.ts';
import { commandLine } from '../../support/command-line.ts';
import { makeNoiseDisk } from '../../support/disks.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const built = process.env.DISKPRESS_WORKERS;
const canRun = canLoop && built !== undefined;
if (!canRun) console.warn('SKIPPED: the helper with root’s rights needs root, and a build');

/** Debian's user and group without rights. */
const NOBODY = 65_534;
const HELPER = join(built ?? '', 'helper.js');

interface Asked {
  readonly input: string | Buffer;
  readonly env?: NodeJS.ProcessEnv;
  readonly node?: readonly string[];
  readonly args?: readonly string[];
  /** what becomes of its input after that; left out: it stays open */
  readonly ends?: boolean | ((child: { end(): void }, said: HelperMessage) => void);
  readonly output?: Socket;
}

async function ask({ input, env, node = [], args = [], ends = false, output }: Asked) {
  const child = spawn(process.execPath, [...node, HELPER, ...args], {
    stdio: ['pipe', output ?? 'ignore', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', PKEXEC_UID: `${NOBODY}`, ...env },
  });
  const said: HelperMessage[] = [];
  let rest = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      if (!line.startsWith('{')) continue;
      said.push(JSON.parse(line) as HelperMessage);
      if (typeof ends === 'function') ends({ end: () => child.stdin.end() }, said.at(-1)!);
    }
  });
  child.stdin.on('error', () => {});
  child.stdin.write(input);
  if (ends === true) child.stdin.end();
  const [code] = (await once(child, 'close')) as [number];
  const refused = said.find((message) => message.say === 'refused');
  return { code, said, error: refused?.error ?? null };
}

const line = (request: unknown) => `${JSON.stringify(request)}\n`;

describe.skipIf(!canRun)('the helper with root’s rights', () => {
  const home = bench.path('home');
  const catalog = join(home, 'catalog');
  let target: string;
  let record: Record<string, unknown>;
  const untouched = Buffer.alloc(24 * MIB, 0x66);
  const targetFile = bench.path('target.img');

  beforeAll(async () => {
    chmodSync(bench.folder, 0o755);
    mkdirSync(home);
    chownSync(home, NOBODY, NOBODY);
    const image = makeNoiseDisk(bench, 'noise.img', 20 * MIB);
    // a person in whose catalog there is a template, as they made it themselves
    const env = { HOME: home, PATH: process.env.PATH };
    const person = ['setpriv', '--reuid', `${NOBODY}`, '--regid', `${NOBODY}`, '--clear-groups', '--'];
    const nobodys = commandLine(catalog, env, person);
    expect(await nobodys('capture', image, '--name', 'noise', '--outside', 'take')).toMatchObject({ code: 0 });
    writeFileSync(targetFile, untouched);
    target = bench.attach(targetFile);
    const { value } = JSON.parse((await nobodys('--json', 'show', 'noise')).out.trim().split('\n').at(-1)!);
    const template = value ?? {};
    record = {
      planId: crypto.randomUUID(),
      expiresAt: new Date(Date.now() + 9 * 60_000).toISOString(),
      refusal: null,
      kind: 'deploy',
      request: { template: 'noise', target },
      templateId: template.id,
      templateName: 'noise',
      versionNumber: 1,
      disk: 1,
      diskCount: 1,
      asked: target,
      target: await thisMachine().placeOf(target),
      edges: '',
      writeBytes: 20 * MIB,
      readsFirst: false,
      confirmWords: [],
      needsOverwrite: false,
      overridden: [],
    };
  });

  const deploy = (changes: Record<string, unknown> = {}, of = catalog) =>
    line({ task: 'deploy', catalog: of, records: [{ ...record, ...changes }] });
  const isUntouched = () => readFileSync(targetFile).equals(untouched);

  test.for<[string, string | Buffer]>([
    ['is no request', line({ task: 'run', command: ['/bin/sh'] })],
    ['has no end', Buffer.alloc(64 * MIB + 2, 0x20)],
  ])('refuses what %s', async ([, input]) => {
    const { code, error } = await ask({ input, ends: true });
    expect(error).toMatchObject({ code: 'RIGHTS_WITHHELD', data: { reason: 'request' } });
    expect(code).toBe(1);
  });

  test.for<[string, Partial<Asked>]>([
    ['nobody asks for', { env: { PKEXEC_UID: '' } }],
    ['root asks for', { env: { PKEXEC_UID: '0' } }],
    ['somebody asks for whom the system does not know', { env: { PKEXEC_UID: '4242424' } }],
    ['has options of Node’s in its environment', { env: { NODE_OPTIONS: '--max-old-space-size=500' } }],
    ['is given a library', { env: { LD_LIBRARY_PATH: '/tmp' } }],
    ['is given options of Node’s', { node: ['--no-warnings'] }],
    ['is given an argument', { args: ['inside'] }],
  ])('does not begin where %s', async ([, more]) => {
    const { error } = await ask({ input: deploy(), ...more });
    expect(error).toMatchObject({ code: 'RIGHTS_WITHHELD', data: { reason: 'start' } });
    expect(isUntouched()).toBe(true);
  });

  test.for<[string, () => Record<string, unknown>, Record<string, unknown>]>([
    ['has expired', () => ({ expiresAt: '2020-01-01T00:00:00.000Z' }), { code: 'PLAN_EXPIRED' }],
    ['never expires', () => ({ expiresAt: '2999-01-01T00:00:00.000Z' }), { code: 'RIGHTS_WITHHELD' }],
    [
      'was refused',
      () => ({ refusal: { code: 'PLAN_BLOCKED', message: '', hint: '', data: {} } }),
      { code: 'RIGHTS_WITHHELD' },
    ],
    ['is a capture', () => ({ kind: 'capture' }), { code: 'RIGHTS_WITHHELD' }],
    [
      'writes to a file',
      () => ({ target: { ...(record.target as object), kind: 'file', path: '/etc/shadow' } }),
      { code: 'RIGHTS_WITHHELD' },
    ],
    [
      'reads an ISO',
      () => ({ request: { ...(record.request as object), virtioDrivers: '/etc/shadow' } }),
      { code: 'RIGHTS_WITHHELD' },
    ],
    ['is served', () => ({ request: { ...(record.request as object), served: true } }), { code: 'RIGHTS_WITHHELD' }],
  ])('does not carry out a plan that %s', async ([, changes, error]) => {
    expect((await ask({ input: deploy(changes()) })).error).toMatchObject(error);
    expect(isUntouched()).toBe(true);
  });

  test.for<[string, () => Record<string, unknown>, string]>([
    ['is another disk by now', () => ({ target: { ...(record.target as object), serial: 'OTHER' } }), 'DEVICE_CHANGED'],
    ['is named by a link elsewhere', () => ({ asked: '/dev/null' }), 'DEVICE_CHANGED'],
    [
      'is no disk, whatever the plan says',
      () => ({ asked: targetFile, target: { ...(record.target as object), path: targetFile } }),
      'DEVICE_CHANGED',
    ],
  ])('does not write to a target that %s', async ([, changes, code]) => {
    const { said } = await ask({ input: deploy(changes()) });
    expect(said.at(-1)).toMatchObject({ say: 'failed', error: { code } });
    expect(isUntouched()).toBe(true);
  });

  test('neither writes to nor reads what is mounted, or the disk of the running system', async () => {
    const machine = thisMachine();
    const devices = await machine.listDevices('/');
    const system = devices.find(({ deployRefusals }) => deployRefusals.some(({ code }) => code === 'SYSTEM_DISK'));
    const image = bench.file('mounted.img', 24 * MIB);
    run('mkfs.ext4', '-q', '-F', image);
    const mounted = bench.attach(image);
    bench.mount(mounted, 'rw');
    for (const path of [mounted, ...(system ? [system.path] : [])]) {
      const place = await machine.placeOf(path);
      const { said } = await ask({ input: deploy({ target: place, asked: path }) });
      expect(said.at(-1)).toMatchObject({ say: 'failed', error: { code: 'DEVICE_BUSY' } });
      await withConnection(async (output) => {
        const { error } = await ask({ input: line({ task: 'read', place }), output: await output });
        expect(error).toMatchObject({ code: 'DEVICE_BUSY' });
      });
    }
  });

  test('works in no catalog but the person’s own, and follows no link in it', async () => {
    const roots = bench.path('of-root');
    mkdirSync(roots);
    expect((await ask({ input: deploy({}, roots) })).error).toMatchObject({
      code: 'RIGHTS_WITHHELD',
      data: { reason: 'catalog', path: roots },
    });
    const secret = bench.path('secret');
    mkdirSync(secret, { mode: 0o700 });
    expect((await ask({ input: deploy({}, join(secret, 'catalog')) })).error).toMatchObject({
      code: 'PERMISSION_DENIED',
    });

    // a folder of the person's whose database, or packs, are links to root's
    const tricky = join(home, 'tricky');
    run('cp', '-a', catalog, tricky);
    rmSync(join(tricky, 'packs'), { recursive: true });
    symlinkSync(join(catalog, 'packs'), join(tricky, 'packs'));
    chownSync(tricky, NOBODY, NOBODY);
    const packs = await ask({ input: deploy({}, tricky) });
    expect(packs.said.some(({ say }) => say === 'done')).toBe(false);
    expect(isUntouched()).toBe(true);

    const database = bench.path('roots.db');
    run('cp', join(catalog, 'catalog.db'), database);
    const before = readFileSync(database);
    rmSync(join(tricky, 'catalog.db'));
    symlinkSync(database, join(tricky, 'catalog.db'));
    const linked = await ask({ input: deploy({}, tricky) });
    expect(linked.said.some(({ say }) => say === 'done')).toBe(false);
    expect(readFileSync(database).equals(before)).toBe(true);
    expect(isUntouched()).toBe(true);
  });

  test('serves one disk to read, and no other, and nothing that is written', async () => {
    const place = await thisMachine().placeOf(target);
    await withConnection(async (output, socketPath) => {
      const opening = openNbd({ socketPath }, { signal: new AbortController().signal, handshakeMs: 60_000 });
      const asked = ask({
        input: line({ task: 'read', place }),
        output: await output,
      });
      const source = await opening;
      const bytes = Buffer.alloc(MIB);
      await source.readInto(5 * MIB, bytes);
      expect(bytes.equals(untouched.subarray(0, MIB))).toBe(true);
      await source.close();
      expect(await asked).toMatchObject({ code: 0, said: [{ say: 'begun' }] });
    });
    for (const other of [
      { ...place, serial: 'OTHER' },
      { ...place, kind: 'file', path: '/etc/shadow' },
      { ...place, path: '/etc/shadow' },
    ]) {
      await withConnection(async (output) => {
        const { said, error } = await ask({ input: line({ task: 'read', place: other }), output: await output });
        expect(error).not.toBeNull();
        expect(said).toHaveLength(1);
      });
    }
  });

  test('ends when whoever asked takes it back', async () => {
    let wasTaken = false;
    const { said } = await ask({
      input: deploy(),
      ends: (child, { say }) => {
        if (say === 'phase' && !wasTaken) child.end();
        wasTaken ||= say === 'phase';
      },
    });
    expect(said.at(-1)).toMatchObject({ say: 'failed', error: { code: 'ABORTED' } });
    expect(run('find', '/run/diskpress', '-name', 'catalog-*')).toBe('');
  });

  test('does what is asked for, and leaves the catalog the person’s', async () => {
    const { said } = await ask({ input: deploy() });
    expect(said.at(-1)).toMatchObject({ say: 'done', result: { readBack: 'direct' } });
    run('cmp', '-n', String(20 * MIB), targetFile, bench.path('noise.img'));
    expect(run('find', catalog, '-not', '-uid', `${NOBODY}`)).toBe('');
    expect(JSON.stringify(said)).not.toContain('/run/diskpress');
  });
});

/** @param use is given the socket that becomes the helper's standard output, once somebody has connected to the path */
async function withConnection(use: (output: Promise<Socket>, socketPath: string) => Promise<void>): Promise<void> {
  const socketPath = bench.path(`${crypto.randomUUID().slice(0, 8)}.sock`);
  const server = createServer({ pauseOnConnect: true }).listen(socketPath);
  await once(server, 'listening');
  const accepted = once(server, 'connection').then(([socket]) => socket as Socket);
  const first = use.length === 1 ? connect(socketPath) : null;
  try {
    await use(accepted, socketPath);
  } finally {
    first?.destroy();
    (await accepted).destroy();
    server.close();
  }
}
