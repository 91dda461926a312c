/** The command line is killed at any moment of everything that it does, with all that it has started. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, test } from 'vitest';
import { CommandError } from '../../src-engine/contract/client.ts';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import { makeExt4, makeGptDisk, noise } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { recognised, sha256 } from '../support/judges.ts';
import { randomBelow } from '../support/temporary.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';
import { attempts, seedOf, Tally } from './tally.ts';

const built = process.env.DISKPRESS_WORKERS;
const main = built ? join(built, 'cli.js') : join(import.meta.dirname, '../../src-main/cli/main.ts');

const bench = workbench();
const pristine = bench.path('pristine');
const catalog = bench.path('catalog');
/** versions of the pristine catalog, and what each deploys to */
const kept = new Map<string, string>();
const victim = bench.path('victim.img');
const packed = bench.path('packed.qcow2');
const disk = { path: '', digest: '' };

interface Victim {
  readonly what: string;
  readonly few: number;
  readonly full: number;
  /** it cannot be said twice: what it made, or began to, is in its own way */
  readonly isOnce?: true;
  /** @returns the arguments of the command that is killed */
  prepare(): Promise<string[]>;
  /** what must hold of what the command makes; the catalog is looked at for each */
  look?(engine: TestEngine, tally: Tally, when: string): Promise<string>;
}

/** Kills before somebody looks: at most. */
const IN_A_ROW = 4;
const ENDED = 'ended before it was killed';

const file = bench.path('made');
let device = '';

const VICTIMS: readonly Victim[] = [
  {
    what: 'capture',
    few: 4,
    full: 180,
    prepare: async () => ['capture', victim, '--name', 'victim'],
    look: versionIsWholeOrAbsent,
  },
  {
    what: 'import',
    few: 3,
    full: 160,
    prepare: async () => ['import', packed, '--name', 'victim'],
    look: versionIsWholeOrAbsent,
  },
  {
    what: 'deploy to a new file',
    few: 3,
    full: 120,
    prepare: async () => ['deploy', 'disk', file],
    look: async (_, tally, when) => {
      if (!existsSync(file)) return 'no file';
      if ((await sha256(file)) !== disk.digest) tally.unfound(`${when}: the file has its name and other bytes`);
      return 'finished';
    },
  },
  {
    what: 'deploy over an existing file',
    few: 2,
    full: 80,
    prepare: async () => {
      writeFileSync(file, noise('old', 64 * MIB));
      return ['deploy', 'disk', file, '--overwrite'];
    },
    look: async (_, tally, when) => {
      const digest = existsSync(file) ? await sha256(file) : '';
      if (digest === disk.digest) return 'finished';
      const isOld = existsSync(file) && Buffer.compare(noise('old', 64 * MIB), readFileSync(file)) === 0;
      if (!isOld) tally.lost(`${when}: neither the old file nor the new one`);
      return 'the old file';
    },
  },
  {
    what: 'deploy to a disk',
    few: 3,
    full: 140,
    prepare: async () => {
      // an older disk was there, finished
      run('cp', disk.path, bench.path('target.img'));
      device = bench.attach(bench.path('target.img'));
      return ['deploy', 'disk', device, '--confirm', device];
    },
    look: async (_, tally, when) => {
      bench.detach(device);
      const target = bench.path('target.img');
      const digest = await sha256(target);
      if (digest === (await sha256(disk.path))) return 'untouched';
      if (recognised(target) === '') return 'unfinished, and looks it';
      if (!sameUsed(target)) tally.unfound(`${when}: the target looks finished and is not`);
      return 'finished';
    },
  },
  {
    what: 'export',
    few: 3,
    full: 100,
    prepare: async () => ['export', 'disk', `${file}.qcow2`, '--format', 'qcow2'],
    look: async (_, tally, when) => {
      if (!existsSync(`${file}.qcow2`)) return 'no file';
      run('qemu-img', 'convert', '-O', 'raw', `${file}.qcow2`, file);
      if ((await sha256(file)) !== disk.digest) tally.unfound(`${when}: the image has its name and other bytes`);
      return 'finished';
    },
  },
  {
    what: 'prune',
    few: 3,
    full: 120,
    prepare: async () => {
      await inEngine(async (engine) => {
        resultOf(await engine.capture(victim, 'victim'));
        writeFileSync(bench.path('other.img'), noise('victim', 5 * MIB));
        resultOf(await engine.capture(bench.path('other.img'), 'other'));
        await engine.client.call('template.delete', { template: 'victim' });
      });
      return ['prune'];
    },
    look: async (engine, tally, when) => {
      rmSync(file, { force: true });
      const job = await engine.deploy('other', file);
      if (job.outcome !== 'done') tally.lost(`${when}: what shared the pack: ${job.error?.code}`);
      else if ((await sha256(file)) !== (await sha256(bench.path('other.img')))) tally.unfound(`${when}: other bytes`);
      return 'pruned in part or whole';
    },
  },
  { what: 'repair', few: 2, full: 60, prepare: async () => ['repair'] },
  {
    what: 'repair of a lost database',
    few: 2,
    full: 60,
    prepare: async () => {
      for (const ending of ['', '-wal', '-shm']) rmSync(`${catalog}/catalog.db${ending}`, { force: true });
      return ['repair'];
    },
  },
  { what: 'verify', few: 1, full: 40, prepare: async () => ['verify'] },
  {
    what: 'extract',
    few: 2,
    full: 60,
    isOnce: true,
    prepare: async () => {
      mkdirSync(file);
      return ['files', 'base', '/', '--extract', file];
    },
    look: async () =>
      `${readdirSync(file).filter((name) => !name.startsWith('.')).length > 0 ? 'finished' : 'nothing with its name'}`,
  },
];

async function inEngine<T>(use: (engine: TestEngine) => Promise<T>): Promise<T> {
  const engine = await openEngine(catalog);
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}

/** Whether the used bytes of the deployed disk are there, as a finished deploy to a file has them. */
function sameUsed(target: string): boolean {
  const [sparse, found] = [bench.path('expected.img'), target];
  // zeros of the file stand for what a deploy does not write
  const script =
    'import sys\na=open(sys.argv[1],"rb");b=open(sys.argv[2],"rb")\nwhile True:\n x=a.read(4096);y=b.read(4096)\n if not x: break\n if any(x) and x!=y: sys.exit(1)';
  try {
    run('python3', '-c', script, sparse, found);
    return true;
  } catch {
    return false;
  }
}

async function versionIsWholeOrAbsent(engine: TestEngine, tally: Tally, when: string): Promise<string> {
  const listed = await engine.client.call('template.list', {});
  if (!listed.some(({ name }) => name === 'victim')) return 'no version';
  rmSync(file, { force: true });
  const job = await engine.deploy('victim', file);
  if (job.outcome !== 'done') tally.unfound(`${when}: listed, and not to be deployed: ${job.error?.code}`);
  else if ((await sha256(file)) !== (await sha256(victim))) tally.unfound(`${when}: other bytes`);
  return 'finished';
}

/** Runs the command and kills it and all that it started. @returns whether it was still there */
async function killed(args: readonly string[], delayMs: number): Promise<boolean> {
  const child = spawn(process.execPath, [main, '--catalog', catalog, '--json', ...args], {
    stdio: ['ignore', 'ignore', 'ignore'],
    detached: true,
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await Promise.race([gone, sleep(delayMs)]);
  const isCutShort = child.exitCode === null && child.signalCode === null;
  if (isCutShort) process.kill(-child.pid!, 'SIGKILL');
  await gone;
  return isCutShort;
}

const codeOf = (error: unknown) => (error instanceof CommandError ? error.view.code : `not coded: ${String(error)}`);

/** What a person finds afterwards. @returns how the attempt ended, in words */
async function expectWhole(
  victimOf: Victim,
  tally: Tally,
  when: string,
  below: (limit: number) => number,
): Promise<string> {
  const failed = (what: string, { outcome, error }: JobView) => {
    if (outcome === 'done') return;
    if (error?.code === 'INTERNAL') tally.internal(`${when}: ${what}: INTERNAL`);
    else tally.lost(`${when}: ${what}: ${error?.code}`);
  };
  try {
    return await inEngine(async (engine) => {
      const { client } = engine;
      const listing = await client.call('template.list', {}).catch((error: unknown) => codeOf(error));
      // a database that is only half built is not taken for a whole one
      if (listing === 'CATALOG_DAMAGED') failed('repair', await engine.repair());
      for (const { state, kind } of await client.call('job.list', {})) {
        if (state !== 'ended') tally.internal(`${when}: ${kind} is said to run`);
      }
      const outcome = (await victimOf.look?.(engine, tally, when)) ?? 'whole';
      const verified = await engine.verify();
      failed('verify', verified);
      for (const name of verified.result?.damagedTemplates ?? []) tally.lost(`${when}: ${name} is damaged`);
      const versions = [...kept.keys()];
      const version = versions[below(versions.length)];
      const target = bench.path('after.img');
      rmSync(target, { force: true });
      const deployed = await engine.deploy(version, target);
      failed(`deploy of ${version}`, deployed);
      if (deployed.outcome === 'done' && (await sha256(target)) !== kept.get(version)) {
        tally.unfound(`${when}: ${version} deploys to other bytes`);
      }
      for (const name of ['victim', 'other']) await client.call('template.delete', { template: name }).catch(() => {});
      failed('prune', await engine.prune());
      expectClean(tally, when);
      return outcome;
    });
  } catch (error) {
    const code = codeOf(error);
    if (code === 'INTERNAL' || code.startsWith('not coded')) tally.internal(`${when}: ${code}`);
    else tally.lost(`${when}: ${code}`);
    return code;
  }
}

/** The next writer has cleared up. */
function expectClean(tally: Tally, when: string): void {
  for (const folder of [join(catalog, 'scratch'), bench.folder]) {
    const left = readdirSync(folder).filter((name) => folder !== bench.folder || name.endsWith('.partial'));
    if (left.length > 0) tally.internal(`${when}: left in ${folder}: ${left.join(' ')}`);
  }
}

describe.skipIf(!canLoop)('kill -9', () => {
  beforeAll(async () => {
    const base = makeExt4(bench, 'base.img', 16 * MIB);
    writeFileSync(bench.path('shared.img'), Buffer.concat([noise('shared', 8 * MIB), noise('of its own', 4 * MIB)]));
    writeFileSync(victim, Buffer.concat([noise('shared', 8 * MIB), noise('victim', 12 * MIB)]));
    run('qemu-img', 'convert', '-c', '-O', 'qcow2', victim, packed);
    disk.path = makeGptDisk(bench, 'disk.img').path;
    const engine = await openEngine(pristine);
    resultOf(await engine.capture(base, 'base'));
    resultOf(await engine.capture(bench.path('shared.img'), 'base'));
    resultOf(await engine.capture(disk.path, 'disk'));
    for (const version of ['base@1', 'base@2', 'disk@1']) {
      const target = bench.path('expected.img');
      rmSync(target, { force: true });
      resultOf(await engine.deploy(version, target));
      kept.set(version, await sha256(target));
    }
    disk.digest = kept.get('disk@1')!;
    await engine.close();
  });

  test.for(VICTIMS)('while it does: $what', async (victimOf, context) => {
    const tally = new Tally('Process killed', victimOf.what);
    const below = randomBelow(seedOf(victimOf.what));
    const begin = async () => {
      rmSync(catalog, { recursive: true, force: true });
      for (const path of [file, `${file}.qcow2`]) rmSync(path, { recursive: true, force: true });
      cpSync(pristine, catalog, { recursive: true });
      return victimOf.prepare();
    };
    // how long it takes undisturbed: kills come at any moment of it
    const args = await begin();
    const startedMs = performance.now();
    await killed(args, 120_000);
    const wholeMs = performance.now() - startedMs;
    if (device) bench.detach(device);
    const startMs = Math.min(350, wholeMs / 2);
    for (let i = 0; i < attempts(victimOf.few, victimOf.full);) {
      const args = await begin();
      const delaysMs: number[] = [];
      let isCutShort = false;
      // who is killed tries again, over what the one before has left, before anybody looks
      for (const most = victimOf.isOnce ? 1 : below(IN_A_ROW) + 1; delaysMs.length < most; i++) {
        const delayMs = startMs + below(Math.ceil(wholeMs - startMs));
        if (delaysMs.length > 0) tally.ended(isCutShort ? 'said again, and killed again' : ENDED);
        isCutShort = await killed(args, delayMs);
        delaysMs.push(delayMs);
      }
      const when = `${victimOf.what}, kill ${i} after ${delaysMs.join(', ')} ms`;
      const outcome = await expectWhole(victimOf, tally, when, below);
      tally.ended(isCutShort ? outcome : ENDED);
    }
    tally.close(context);
  });
});
