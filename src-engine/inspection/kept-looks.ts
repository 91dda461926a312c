/**
 * What was seen of a place, for as long as a plan lives: who changes a rule, an override or a name of a plan has it judged again, and
 * nothing is walked again. A run looks again, whatever was kept.
 */
const MAX_LOOKS = 8;

export interface Look<T> {
  /** plain data: what was read is closed by now */
  readonly seen: T;
  /** whether the place is what it was when the look began */
  isCurrent(): Promise<boolean>;
}

export class KeptLooks<T> {
  readonly #lifetimeMs: number;
  /** by what was asked; the latest last */
  readonly #kept = new Map<string, Look<T> & { readonly untilMs: number }>();

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  /**
   * @param asked all that decides what a look sees, beside the state of the place
   * @param look is asked where nothing is kept, or the place has changed
   * @throws what `look` throws: nothing is kept then
   */
  async of(asked: string, look: () => Promise<Look<T>>, nowMs = Date.now()): Promise<T> {
    for (const [key, { untilMs }] of this.#kept) if (untilMs < nowMs) this.#kept.delete(key);
    const kept = this.#kept.get(asked);
    if (kept && (await kept.isCurrent().catch(() => false))) return kept.seen;
    this.#kept.delete(asked);
    const fresh = await look();
    if (this.#kept.size >= MAX_LOOKS) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(asked, { ...fresh, untilMs: nowMs + this.#lifetimeMs });
    return fresh.seen;
  }
}
