/**
 * The power is cut at any moment: what was not flushed is lost, torn or reordered, by the sector. The file system under the
 * catalog is the kernel's own, as it comes back after its journal was replayed.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CommandName } from '../../src-engine/contract/commands.ts';
import { CommandError } from '../../src-engine/contract/client.ts';
import { makeExt4, makeGptDisk, makeMbrDisk, noise } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { recognised, sha256 } from '../support/judges.ts';
import { otherProcess } from '../support/other-process.ts';
import { randomBelow } from '../support/temporary.ts';
import { MIB, run, workbench } from '../support/workbench.ts';
import { canRecord, recordedDisk, type Recording } from './recorded-disk.ts';
import { attempts, seedOf, Tally } from './tally.ts';

const bench = workbench();

/** A command of the workload, and what a person may count on once it was answered. */
interface Step {
  readonly command: [CommandName, Record<string, unknown>];
  /** a version that is there from then on, and the disk that it is of */
  readonly makes?: readonly [version: string, disk: string];
  /** a template that need not be there any more from the start of the command on */
  readonly removes?: string;
}

/** When what a step promises began to hold, in positions of the log. */
interface Timed extends Step {
  readonly beganAt: number;
  readonly endedAt: number;
}

const FILE_SYSTEMS: readonly { name: string; mkfs: string[]; few: number; full: number }[] = [
  { name: 'ext4', mkfs: ['mkfs.ext4', '-q', '-F'], few: 4, full: 90 },
  { name: 'XFS', mkfs: ['mkfs.xfs', '-q', '-f'], few: 2, full: 40 },
  { name: 'Btrfs', mkfs: ['mkfs.btrfs', '-q', '-f'], few: 2, full: 40 },
];
/** Debian's libeatmydata: fsync and its like do nothing. */
const NO_SYNC = '/usr/lib/x86_64-linux-gnu/libeatmydata.so';
/** XFS makes nothing smaller. */
const DISK_BYTES = 320 * MIB;

function steps(): Step[] {
  const base = makeExt4(bench, 'base.img', 16 * MIB);
  const shared = bench.path('shared.img');
  writeFileSync(shared, Buffer.concat([noise('shared', 8 * MIB), noise('of its own', 4 * MIB)]));
  const victim = bench.path('victim.img');
  writeFileSync(victim, Buffer.concat([noise('shared', 8 * MIB), noise('victim', 9 * MIB)]));
  const packed = bench.path('packed.qcow2');
  run('qemu-img', 'convert', '-O', 'qcow2', shared, packed);
  const capture = (source: string, name: string): Step['command'] => ['capture.plan', { source, name }];
  return [
    { command: capture(base, 'base'), makes: ['base@1', base] },
    { command: capture(shared, 'base'), makes: ['base@2', shared] },
    { command: capture(victim, 'victim'), makes: ['victim@1', victim] },
    { command: ['template.edit', { template: 'base', note: 'a note' }] },
    { command: ['template.delete', { template: 'victim' }], removes: 'victim' },
    { command: ['prune.start', {}], removes: 'victim' },
    { command: ['import.plan', { path: packed, name: 'imported' }], makes: ['imported@1', shared] },
    { command: ['verify.start', { template: null }] },
    { command: ['repair.start', {}] },
    { command: capture(victim, 'last'), makes: ['last@1', victim] },
  ];
}

/** Runs the workload on a catalog in `folder`. */
async function work(catalog: string, plan: readonly Step[], position: () => number, preload: string): Promise<Timed[]> {
  const timed: Timed[] = [];
  process.env.LD_PRELOAD = preload;
  const other = otherProcess(catalog, ...plan.map(({ command }) => command));
  delete process.env.LD_PRELOAD;
  let beganAt = position();
  let seen = 0;
  await new Promise<void>((resolve, reject) => {
    const look = () => {
      for (; seen < other.lines.length; seen++) {
        const line = other.lines[seen];
        if (!/^(ended|answered) /.test(line)) continue;
        if (line.startsWith('ended') && !line.startsWith('ended done')) return reject(new Error(line));
        const endedAt = position();
        timed.push({ ...plan[timed.length], beganAt, endedAt });
        beganAt = endedAt;
      }
    };
    const timer = setInterval(look, 2);
    void other.gone.then(() => {
      clearInterval(timer);
      look();
      resolve();
    });
  });
  if (timed.length !== plan.length) throw new Error(`only ${timed.length} of ${plan.length} steps`);
  return timed;
}

/** A moment of the workload; a third of them within the last writes of a step, where promises are made. */
function cutPoint({ entries }: Recording, timed: readonly Timed[], below: (limit: number) => number): number {
  const first = entries.findIndex(({ logBytes }) => logBytes >= timed[0].beganAt);
  if (below(3) > 0) return first + below(entries.length - first + 1);
  const { endedAt } = timed[below(timed.length)];
  const end = entries.findIndex(({ logBytes }) => logBytes >= endedAt);
  return Math.max(first, (end < 0 ? entries.length : end) - below(30));
}

const codeOf = (error: unknown) => (error instanceof CommandError ? error.view.code : `not coded: ${String(error)}`);

/** What a person finds who switches on again. @param at position of the log */
async function look(
  catalog: string,
  at: number,
  timed: readonly Timed[],
  digests: ReadonlyMap<string, string>,
  tally: Tally,
  when: string,
) {
  const removed = new Set(
    timed.filter(({ removes, beganAt }) => removes && beganAt <= at).map(({ removes }) => removes),
  );
  const promised = timed
    .filter(({ makes, endedAt }) => makes && endedAt <= at)
    .map(({ makes }) => makes![0])
    .filter((version) => !removed.has(version.split('@')[0]));
  const fault = (what: string, error: unknown) => {
    const code = codeOf(error);
    if (code === 'INTERNAL' || code.startsWith('not coded')) tally.internal(`${when}: ${what}: ${code}`);
    return code;
  };
  let engine: TestEngine;
  try {
    engine = await openEngine(catalog);
  } catch (error) {
    fault('opening', error);
    if (promised.length > 0) tally.lost(`${when}: the catalog does not open: ${codeOf(error)}`);
    else tally.ended('no catalog yet');
    return;
  }
  const { client } = engine;
  try {
    const listed = (await client.call('template.list', {})).flatMap(({ name, versions }) =>
      versions.map(({ number }) => `${name}@${number}`),
    );
    for (const version of promised) if (!listed.includes(version)) tally.lost(`${when}: ${version} is not listed`);
    const verified = await engine.verify();
    if (verified.error) fault('verify', new CommandError(verified.error));
    for (const name of verified.result?.damagedTemplates ?? []) tally.lost(`${when}: ${name} is damaged`);
    for (const version of listed) {
      const target = bench.path('after.img');
      rmSync(target, { force: true });
      const job = await engine.deploy(version, target);
      if (job.error) fault(`deploy of ${version}`, new CommandError(job.error));
      if (job.outcome !== 'done')
        tally.lost(`${when}: ${version} is listed and cannot be deployed: ${job.error?.code}`);
      else if ((await sha256(target)) !== digests.get(version))
        tally.unfound(`${when}: ${version} deploys to other bytes`);
    }
    for (const job of await client.call('job.list', {})) {
      if (job.state !== 'ended') tally.internal(`${when}: a ${job.kind} still runs`);
    }
    const again = await engine.capture(bench.path('victim.img'), 'again');
    if (again.outcome !== 'done') tally.internal(`${when}: nothing can be captured any more: ${again.error?.code}`);
    tally.ended(
      promised.length === listed.length ? 'all that was promised is there' : 'and what was just being made, whole',
    );
  } catch (error) {
    fault('looking', error);
    tally.lost(`${when}: ${codeOf(error)}`);
  } finally {
    await engine.close();
  }
}

describe.skipIf(!canRecord)('power cuts', () => {
  let plan: Step[];
  /** what each version deploys to: free space is not in it */
  const digests = new Map<string, string>();

  beforeAll(async () => {
    plan = steps();
    const engine = await openEngine(bench.path('undisturbed'));
    for (const { makes } of plan) {
      if (!makes) continue;
      const [version, source] = makes;
      const target = bench.path('expected.img');
      rmSync(target, { force: true });
      resultOf(await engine.capture(source, 'expected'));
      resultOf(await engine.deploy('expected', target));
      digests.set(version, await sha256(target));
    }
    await engine.close();
  });

  /** @param preload a library that the engine's process is started with */
  async function record(name: string, mkfs: readonly string[], preload = '') {
    const image = bench.file(`${name}.img`, DISK_BYTES);
    run(mkfs[0], ...mkfs.slice(1), image);
    const disk = await recordedDisk(bench, image);
    const point = bench.path(`${name}.point`);
    mkdirSync(point);
    run('mount', disk.device, point);
    const timed = await work(`${point}/catalog`, plan, () => disk.position(), preload);
    run('umount', point);
    return { recording: await disk.stop(), timed };
  }

  async function cutAndLook(name: string, { recording, timed }: Awaited<ReturnType<typeof record>>, count: number) {
    const tally = new Tally('Power cut', `catalog on ${name}`);
    const below = randomBelow(seedOf(name));
    const cut = bench.path(`${name}.cut`);
    for (let i = 0; i < count; i++) {
      const entryCount = cutPoint(recording, timed, below);
      recording.cutAt(entryCount, below(2 ** 31), cut);
      const mounted = bench.mount(cut, 'loop');
      const at = recording.entries[entryCount]?.logBytes ?? Infinity;
      await look(`${mounted}/catalog`, at, timed, digests, tally, `${name}, cut ${i} at entry ${entryCount}`);
      bench.unmount(mounted);
    }
    return tally;
  }

  test.for(FILE_SYSTEMS)('of a catalog on $name', async ({ name, mkfs, few, full }, context) => {
    const recorded = await record(name, mkfs);
    (await cutAndLook(name, recorded, attempts(few, full))).close(context);
  });

  test.skipIf(!existsSync(NO_SYNC))('a program that never waits for the disk is found out', async () => {
    const recorded = await record('unsynced', FILE_SYSTEMS[0].mkfs, NO_SYNC);
    const tally = await cutAndLook('unsynced', recorded, 3);
    expect(tally.problems.lost).not.toEqual([]);
  });

  /** It is known by what lies 32 KiB from its start, where a disk with an MBR has nothing. */
  function makeJfs(name: string): string {
    const image = bench.file(name, 64 * MIB);
    run('mkfs.jfs', '-q', image);
    return image;
  }

  /** A bare file system over an older disk with a table, and a table over a bare file system. */
  const TARGETS: readonly [what: string, before: () => string, after: () => string][] = [
    ['GPT over GPT', () => makeGptDisk(bench, 'gpt-before.img').path, () => makeGptDisk(bench, 'gpt.img').path],
    ['MBR over GPT', () => makeGptDisk(bench, 'gpt-old.img').path, () => makeMbrDisk(bench, 'mbr.img').path],
    ['ext4 over MBR', () => makeMbrDisk(bench, 'mbr-old.img').path, () => makeExt4(bench, 'bare.img', 66 * MIB)],
    ['MBR over JFS', () => makeJfs('jfs-old.img'), () => makeMbrDisk(bench, 'mbr-new.img').path],
    ['GPT over ext4', () => makeExt4(bench, 'bare-old.img', 64 * MIB), () => makeGptDisk(bench, 'gpt-new.img').path],
  ];

  test.for(TARGETS)('of a deploy: %s', async ([what, before, after], context) => {
    const engine = await openEngine(bench.path('deploy-catalog'));
    resultOf(await engine.capture(after(), 'disk'));
    const image = before();
    run('truncate', '-s', String(66 * MIB), image);
    const disk = await recordedDisk(bench, image);
    const beganAt = disk.position();
    resultOf(await engine.deploy('disk', disk.device, { confirm: disk.device }));
    await engine.close();
    const recording = await disk.stop();

    const finished = bench.path('finished.img');
    recording.cutAt(recording.entries.length, 1, finished);
    const [old, whole] = [await sha256(image), await sha256(finished)];
    const tally = new Tally('Power cut', `deploy: ${what}`);
    const below = randomBelow(seedOf(what));
    const cut = bench.path('target.cut');
    const first = recording.entries.findIndex(({ logBytes }) => logBytes >= beganAt);
    const { length } = recording.entries;
    const edge = Math.min(40, length - first);
    for (let i = 0; i < attempts(12, 120); i++) {
      // most of them among the first and the last writes, where one disk goes and the other comes
      const entryCount = [first + below(length - first + 1), first + below(edge), length - below(edge)][below(3)];
      recording.cutAt(entryCount, below(2 ** 31), cut);
      const digest = await sha256(cut);
      if (digest === whole) tally.ended('finished');
      else if (digest === old) tally.ended('untouched');
      else if (recognised(cut) === '') tally.ended('unfinished, and looks it');
      else tally.unfound(`cut ${i} at entry ${entryCount - first} of ${length - first}: ${recognised(cut)}`);
    }
    for (const path of [image, `${image}.recorded`, `${image}.log`]) rmSync(path);
    tally.close(context);
  });
});
