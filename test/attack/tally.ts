/** How often something was attacked, and what came of it: collected into docs/RESILIENCE.md by scripts/attack.mjs. */
import type { TestContext } from 'vitest';
import { expect } from 'vitest';

export interface AttackResult {
  /** row of the table: 'Process killed', 'Power cut' */
  readonly attack: string;
  /** what was attacked: 'capture', 'catalog on ext4' */
  readonly subject: string;
  readonly attempts: number;
  /** how attempts ended, in words, and how many did */
  readonly outcomes: Readonly<Record<string, number>>;
  /** data that was there and is not any more */
  readonly lost: number;
  /** wrong bytes that nothing told of: what looks whole and is not */
  readonly unfound: number;
  /** faults of Diskpress itself: INTERNAL, a crash, a hang */
  readonly internal: number;
}

declare module 'vitest' {
  interface TaskMeta {
    attacks?: AttackResult[];
  }
}

/** `npm run attack` asks for all of them, `npm test` for a few. */
export const isFull = process.env.DISKPRESS_ATTACK === 'full';

/** `npm run attack -- --share 0.1` makes a tenth of them. */
const share = Number(process.env.DISKPRESS_ATTACK_SHARE ?? 1);

/** @returns how many attempts to make */
export const attempts = (few: number, full: number): number => (isFull ? Math.max(few, Math.ceil(full * share)) : few);

/** Where a run begins in its random numbers: another number is another run. */
export const seedOf = (subject: string): number =>
  [...`${process.env.DISKPRESS_ATTACK_SEED ?? '1'} ${subject}`].reduce(
    (hash, c) => Math.imul(hash, 31) + c.charCodeAt(0),
    7,
  );

export class Tally {
  readonly attack: string;
  readonly subject: string;
  #attempts = 0;
  readonly #outcomes = new Map<string, number>();
  /** what must not be, in words */
  readonly problems = { lost: [] as string[], unfound: [] as string[], internal: [] as string[] };

  constructor(attack: string, subject: string) {
    this.attack = attack;
    this.subject = subject;
  }

  /** Counts an attempt. @param outcome in words */
  ended(outcome: string, count = 1): void {
    this.#attempts += count;
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + count);
  }

  lost(what: string): void {
    this.problems.lost.push(what);
  }

  unfound(what: string): void {
    this.problems.unfound.push(what);
  }

  internal(what: string): void {
    this.problems.internal.push(what);
  }

  /** Hands the counts to the report, and fails the test where anything was lost, not found, or a fault of ours. */
  close({ task }: Pick<TestContext, 'task'>): void {
    const { lost, unfound, internal } = this.problems;
    const result: AttackResult = {
      attack: this.attack,
      subject: this.subject,
      attempts: this.#attempts,
      outcomes: Object.fromEntries([...this.#outcomes].sort(([a], [b]) => a.localeCompare(b))),
      lost: lost.length,
      unfound: unfound.length,
      internal: internal.length,
    };
    task.meta.attacks = [...(task.meta.attacks ?? []), result];
    expect(this.problems).toEqual({ lost: [], unfound: [], internal: [] });
    expect(this.#attempts).toBeGreaterThan(0);
  }
}
