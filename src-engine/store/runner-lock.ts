/**
 * A lock that an engine holds as long as it may run jobs. A process number means nothing in another container or on another machine
 * that shares the folder; whether a lock is held can be asked from everywhere.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { holdAlone, type Lock } from './locks.ts';
import type { StoreLayout } from './store-layout.ts';

const NAME = /^runner-[0-9a-f-]{36}\.lock$/;

export class RunnerLock {
  readonly #layout: StoreLayout;
  #own: { readonly name: string; readonly lock: Lock } | null = null;

  constructor(layout: StoreLayout) {
    this.#layout = layout;
  }

  /** Takes it, where that was not done yet. @returns the name of its file; '' where it cannot be had, as on a full disk */
  own(): string {
    try {
      // somebody who clears up may have been faster than the lock
      for (let tries = 0; this.#own === null && tries < 3; tries++) {
        const name = `runner-${randomUUID()}.lock`;
        const lock = holdAlone(join(this.#layout.root, name));
        if (lock && existsSync(join(this.#layout.root, name))) this.#own = { name, lock };
        else lock?.release();
      }
    } catch {
      // jobs run without it
    }
    return this.#own?.name ?? '';
  }

  /** Whether the engine that took it still has it. */
  isHeld(name: string): boolean {
    return name === this.#own?.name || isHeld(this.#layout, name);
  }

  release(): void {
    if (!this.#own) return;
    rmSync(join(this.#layout.root, this.#own.name), { force: true });
    this.#own.lock.release();
    this.#own = null;
  }
}

function isHeld({ root }: StoreLayout, name: string): boolean {
  const path = join(root, name);
  if (!NAME.test(name) || !existsSync(path)) return false;
  try {
    const lock = holdAlone(path);
    lock?.release();
    return lock === null;
  } catch {
    // who cannot tell does not say that it is gone
    return true;
  }
}

/** Removes what engines have left that were killed. The caller holds the writer's lock. */
export function removeDeadRunners({ root }: StoreLayout): void {
  for (const name of readdirSync(root).filter((one) => NAME.test(one))) {
    const path = join(root, name);
    const lock = holdAlone(path);
    if (!lock) continue;
    rmSync(path, { force: true });
    lock.release();
  }
}
