/**
 * A deploy that changes what it brings is killed in each of its phases, with all that it has started: what is not finished does not look
 * finished, and the next deploy, which goes on from what is there, finishes it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { openEngine, resultOf } from '../support/engine.ts';
import { recognised } from '../support/judges.ts';
import { randomBelow } from '../support/temporary.ts';
import { canLoop, run, workbench } from '../support/workbench.ts';
import { ASKED, faultOf, makeGuestDisk, TARGETS, type Length } from './named-guest.ts';
import { attempts, isFull, seedOf, Tally } from './tally.ts';

const built = process.env.DISKPRESS_WORKERS;
const main = built ? join(built, 'cli.js') : join(import.meta.dirname, '../../src-main/cli/main.ts');

/** One after another, before somebody looks: at most. */
const IN_A_ROW = isFull ? 3 : 1;

const bench = workbench();
const catalog = bench.path('catalog');

/** A phase, and how long it took undisturbed. */
interface Phase {
  readonly phase: string;
  readonly elapsedMs: number;
}

interface Said {
  readonly type: string;
  readonly parts?: readonly { readonly phases: readonly Phase[] }[];
  /** of a result; of an event, what that event is of */
  readonly value?: { readonly parts?: readonly { readonly phases: readonly Phase[] }[] };
}

/** A deploy of the guest by the command line, in a group of processes of its own. */
class Deploy {
  readonly #child: ChildProcess;
  readonly #gone: Promise<unknown>;
  readonly #phases = new Map<string, PromiseWithResolvers<void>>();
  /** the last one that it spoke of; '' before the first */
  phase = '';
  /** of the whole job, once it has ended well */
  phases: readonly Phase[] = [];

  constructor(device: string, more: readonly string[]) {
    const args = ['--catalog', catalog, '--json', 'deploy', 'guest', device, '--confirm', device, ...ASKED, ...more];
    this.#child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
    const lines = createInterface(this.#child.stdout!);
    lines.on('line', (line) => this.#hear(JSON.parse(line) as Said));
    this.#gone = Promise.all([
      new Promise((resolve) => this.#child.once('exit', resolve)),
      new Promise((resolve) => lines.once('close', resolve)),
    ]);
  }

  /** @returns whether it ended by itself, and well */
  async end(): Promise<boolean> {
    await this.#gone;
    return this.#child.exitCode === 0;
  }

  /** Kills it so long after a phase has begun, or at its end. @returns whether it was still there */
  async kill(phase: string, delayMs: number): Promise<boolean> {
    const begun = this.#begun(phase).promise.then(() => sleep(delayMs));
    await Promise.race([this.#gone, begun]);
    const isThere = this.#child.exitCode === null && this.#child.signalCode === null;
    if (isThere) process.kill(-this.#child.pid!, 'SIGKILL');
    await this.#gone;
    return isThere;
  }

  #hear({ type, parts, value }: Said): void {
    if (type === 'result') this.phases = value?.parts?.at(0)?.phases ?? [];
    for (const { phase } of parts?.at(0)?.phases ?? []) {
      this.phase = phase;
      this.#begun(phase).resolve();
    }
  }

  #begun(phase: string): PromiseWithResolvers<void> {
    const known = this.#phases.get(phase) ?? Promise.withResolvers<void>();
    this.#phases.set(phase, known);
    return known;
  }
}

/** What of it was started for the target ends by itself, and nothing is left. */
async function expectLeftAlone(target: string, tally: Tally, when: string): Promise<void> {
  const others = () => run('losetup', '-j', target, '-n', '-O', 'NAME').trim().split('\n').length - 1;
  await vi.waitUntil(() => others() === 0, 30_000).catch(() => tally.internal(`${when}: loop devices are left`));
}

describe.skipIf(!canLoop)('kill -9 of a deploy that changes what it brings', () => {
  beforeAll(async () => {
    const engine = await openEngine(catalog);
    resultOf(await engine.capture(makeGuestDisk(bench), 'guest'));
    await engine.close();
  });

  test.for(Object.keys(TARGETS) as Length[])('whose volume %s', async (length, context) => {
    const subject = `deploy of a guest whose volume ${length}, with a name and a fresh identity`;
    const tally = new Tally('Process killed', subject);
    const below = randomBelow(seedOf(subject));
    const target = bench.file('target.img', TARGETS[length]);
    const device = bench.attach(target);
    const isOld = () => recognised(device).includes('swap');
    // an older disk was there, finished
    const makeOld = () => run('mkswap', '-f', device);

    makeOld();
    const whole = new Deploy(device, []);
    expect(await whole.end()).toBe(true);
    const undisturbed = whole.phases;
    expect(faultOf(target, length)).toBe('');

    for (let i = 0; i < attempts(2, 150);) {
      makeOld();
      let isCutShort = false;
      let when = '';
      let phase = '';
      // who is killed goes on, over what the one before has left, before anybody looks
      for (let left = below(IN_A_ROW) + 1, more: string[] = []; left > 0; left--, i++, more = ['--resume']) {
        if (when !== '') tally.ended(isCutShort ? 'gone on, and killed again' : 'ended before it was killed');
        const chosen = undisturbed[below(undisturbed.length)];
        const delayMs = below(Math.ceil(chosen.elapsedMs) + 1);
        const deploy = new Deploy(device, more);
        isCutShort = await deploy.kill(chosen.phase, delayMs);
        phase = deploy.phase;
        when += ` ${chosen.phase} + ${delayMs} ms`;
      }
      await expectLeftAlone(target, tally, when);
      const looks = recognised(device) === '' ? 'unfinished, and looks it' : isOld() ? 'untouched' : 'finished';
      if (looks === 'finished') {
        const fault = faultOf(target, length);
        if (fault !== '') tally.unfound(`${when}: the target looks finished, and ${fault}`);
      }
      tally.ended(isCutShort ? `${looks}: killed while ${phase}` : 'ended before it was killed');

      const next = new Deploy(device, ['--resume']);
      if (!(await next.end())) tally.lost(`${when}: the next deploy does not finish it`);
      else {
        const fault = faultOf(target, length);
        if (fault !== '') tally.unfound(`${when}: the next deploy has finished it, and ${fault}`);
      }
      const left = readdirSync(join(catalog, 'scratch'));
      if (left.length > 0) tally.internal(`${when}: left in scratch: ${left.join(' ')}`);
    }
    bench.detach(device);
    tally.close(context);
  });
});
