/** The windows of all jobs: a fixed number of them, made when they are first wanted, and shared fairly. */
import { sharedMemory } from '../core/aligned-memory.ts';
import { EngineError } from '../core/engine-error.ts';
import { WINDOW_BYTES } from './chunking.ts';

/** Room for a window that does not begin on a page of its disk, and for the rest of its last page. */
const HEADROOM_BYTES = 8192;

interface Waiter {
  readonly user: object;
  resolve(memory: SharedArrayBuffer): void;
  reject(error: Error): void;
}

export class WindowArena {
  readonly #count: number;
  readonly #free: SharedArrayBuffer[] = [];
  /** how many each user has; who has none and waits for none is not listed */
  readonly #held = new Map<object, number>();
  #taken = 0;
  #waiting: Waiter[] = [];

  /** @param count of {@link WINDOW_BYTES} and a little headroom each */
  constructor(count: number) {
    this.#count = count;
  }

  /** Waits until the user may have one more. @throws EngineError `ABORTED` where it has left meanwhile */
  take(user: object): Promise<SharedArrayBuffer> {
    if (!this.#held.has(user)) this.#held.set(user, 0);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ user, resolve, reject });
      this.#serve();
    });
  }

  release(user: object, memory: SharedArrayBuffer): void {
    this.#free.push(memory);
    this.#taken--;
    const held = this.#held.get(user)! - 1;
    const isWaiting = this.#waiting.some((waiter) => waiter.user === user);
    if (held > 0 || isWaiting) this.#held.set(user, held);
    else this.#held.delete(user);
    this.#serve();
  }

  /** The user waits for no more. */
  leave(user: object): void {
    const own = this.#waiting.filter((waiter) => waiter.user === user);
    this.#waiting = this.#waiting.filter((waiter) => waiter.user !== user);
    if (this.#held.get(user) === 0) this.#held.delete(user);
    for (const { reject } of own) reject(new EngineError('ABORTED'));
    this.#serve();
  }

  /** Gives back the memory that nobody has. */
  clear(): void {
    this.#free.length = 0;
  }

  #serve(): void {
    for (;;) {
      // who has least comes first, among those with the same who has waited longest
      const [next] = this.#waiting
        .filter(({ user }) => this.#mayTake(user))
        .sort((a, b) => this.#held.get(a.user)! - this.#held.get(b.user)!);
      if (!next) return;
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      this.#held.set(next.user, this.#held.get(next.user)! + 1);
      this.#taken++;
      next.resolve(this.#free.pop() ?? sharedMemory(WINDOW_BYTES + HEADROOM_BYTES));
    }
  }

  /** Everybody may have a fair share, and more as long as the others can have theirs: who is slow holds nobody up. */
  #mayTake(user: object): boolean {
    const left = this.#count - this.#taken;
    if (left === 0) return false;
    const share = Math.max(1, Math.floor(this.#count / this.#held.size));
    if (this.#held.get(user)! < share) return true;
    let kept = 0;
    for (const [other, held] of this.#held) if (other !== user) kept += Math.max(0, share - held);
    return left > kept;
  }
}
