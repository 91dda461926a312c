/** Who runs a job, told by real processes: containers with process numbers of their own, reused numbers, other boots and machines. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { addRowSum, signRows } from '../../src-engine/catalog/row-sum.ts';
import { commandLine, lastLine } from '../support/command-line.ts';
import { makeNoiseDisk, makeSlowDisk } from '../support/disks.ts';
import { openEngine, resultOf } from '../support/engine.ts';
import { canLoop, MIB, workbench } from '../support/workbench.ts';

const bench = workbench();
const built = process.env.DISKPRESS_WORKERS;
const main = built ? join(built, 'cli.js') : join(import.meta.dirname, '../../src-main/cli/main.ts');
/** A process number and all of /proc of its own, as in a container. */
const CONTAINER = ['--pid', '--fork', '--mount-proc', '--kill-child'];

interface ListedJob {
  kind: string;
  state: string;
  outcome: string | null;
  error: { code: string } | null;
}

/** The newest job, as another process sees it. */
async function newestJob(catalog: string): Promise<ListedJob> {
  const ended = await commandLine(catalog)('--json', 'jobs');
  expect(ended.code).toBe(0);
  return (lastLine(ended).value as ListedJob[])[0];
}

test.skipIf(!canLoop)(
  'a job in another container runs as long as it lives, and is lost when it was killed',
  async () => {
    const catalog = bench.path('catalog');
    const engine = await openEngine(catalog);
    resultOf(await engine.capture(makeNoiseDisk(bench, 'first.img', MIB), 'first'));
    await engine.close();
    const source = makeSlowDisk(bench, 'slow.img');
    const words = [main, '--catalog', catalog, '--json', 'capture', source, '--name', 'slow'];
    const child = spawn('unshare', [...CONTAINER, process.execPath, ...words], { stdio: ['ignore', 'pipe', 'ignore'] });
    const gone = once(child, 'exit');
    let out = '';
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (data) => {
        out += String(data);
        if (out.includes('"progress"')) resolve();
      });
      child.on('exit', () => resolve());
    });
    const inside = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').trim());
    // it stands still, however fast the machine is, and keeps what it holds
    process.kill(inside, 'SIGSTOP');
    expect(await newestJob(catalog)).toMatchObject({ kind: 'capture', state: 'running', outcome: null });
    const busy = await commandLine(catalog)('--json', 'prune');
    expect(lastLine(busy).error.code).toBe('CATALOG_BUSY');
    const runners = () => readdirSync(catalog).filter((name) => name.startsWith('runner-'));
    expect(runners()).toHaveLength(1);

    process.kill(inside, 'SIGKILL');
    await gone;
    const jobs = lastLine(await commandLine(catalog)('--json', 'jobs')).value as ListedJob[];
    expect(jobs.find(({ kind }) => kind === 'capture')).toMatchObject({
      state: 'ended',
      outcome: 'lost',
      error: { code: 'ENGINE_LOST' },
    });
    // who writes next removes what it has left, and nothing else is missing
    expect((await commandLine(catalog)('capture', bench.path('first.img'), '--name', 'next')).code).toBe(0);
    expect(runners()).toEqual([]);
    expect(readdirSync(join(catalog, 'scratch'))).toEqual([]);
    expect((await commandLine(catalog)('verify')).code).toBe(0);
  },
);

test.skipIf(process.platform !== 'linux')(
  'of rows of jobs that nobody ended, those are lost whose runner is certainly gone',
  async () => {
    const catalog = bench.path('rows');
    const own = await openEngine(catalog);
    const job = await own.capture(makeNoiseDisk(bench, 'first.img', MIB), 'first');
    await own.close();
    const db = new Database(join(catalog, 'catalog.db'));
    addRowSum(db);
    const row = db.prepare('SELECT runner, record FROM job WHERE id = ?').get(job.id) as {
      runner: string;
      record: string;
    };
    const here = {
      ...(JSON.parse(row.runner) as Record<string, unknown>),
      lock: '',
      processId: process.pid,
      startedAt: readFileSync('/proc/self/stat', 'latin1').split(') ').at(-1)!.split(' ')[19],
    };
    const elsewhere = { ...here, namespace: 'pid:[1]' };
    const otherBoot = { ...here, bootId: '00000000-0000-4000-8000-000000000000' };
    const held = `runner-${'0'.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}.lock`;
    const lock = new Database(join(catalog, held));
    lock.exec('CREATE TABLE held (x); BEGIN EXCLUSIVE');
    const cases: [string, object, 'running' | 'ended'][] = [
      ['this process', here, 'running'],
      ['its number, which another process had before', { ...here, startedAt: '1' }, 'ended'],
      ['a number that nobody has', { ...here, processId: 99_999_999 }, 'ended'],
      ['an earlier boot of this machine', otherBoot, 'ended'],
      ['another machine, which told nothing more', { ...otherBoot, host: 'elsewhere' }, 'running'],
      ['another machine, which is gone', { ...otherBoot, host: 'elsewhere', lock: held.replace('0', '1') }, 'ended'],
      ['another container of an earlier Diskpress', elsewhere, 'running'],
      ['another container that lives', { ...elsewhere, lock: held }, 'running'],
      ['another container that is gone', { ...elsewhere, lock: held.replace('0', '2') }, 'ended'],
      ['another container with a name that is none', { ...elsewhere, lock: '../catalog.db' }, 'ended'],
    ];
    const add = db.prepare(
      'INSERT INTO job (id, created_at, process_id, runner, is_ended, record) VALUES (?, ?, ?, ?, 0, ?)',
    );
    const open = { ...(JSON.parse(row.record) as object), state: 'running', outcome: null, endedAt: null };
    const ids = cases.map(([, runner], i) => {
      const id = `10000000-0000-4000-8000-${String(i).padStart(12, '0')}`;
      add.run(id, job.createdAt, process.pid, JSON.stringify(runner), JSON.stringify({ ...open, id }));
      return id;
    });
    signRows(db, 'job', 'true');
    db.close();
    const engine = await openEngine(catalog);
    try {
      const jobs = new Map((await engine.client.call('job.list', {})).map((one) => [one.id, one]));
      expect(cases.map(([name], i) => [name, jobs.get(ids[i])?.state])).toEqual(
        cases.map(([name, , state]) => [name, state]),
      );
      expect(existsSync(join(catalog, 'catalog.db'))).toBe(true);
    } finally {
      lock.close();
      await engine.close();
    }
  },
);
