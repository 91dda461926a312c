/** A target's place at a feed: what it has in hand, how far it is, how it ends. */
import type { WindowRecord } from '../../store/manifest-format.ts';
import type { FedWindow, UnpackedWindow } from './fed-window.ts';

/** Windows that one of several targets may have in hand: one that is being written, one that is being read back. */
const MAX_IN_HAND = 2;

/** Something that is filled. */
export interface Taker {
  /** Whether anything of a region of the template is written as it is there. */
  wants(region: number): boolean;
  /** A window that it does not want was passed. */
  passed(lengthBytes: number): void;
  /**
   * Once this resolves, the window's bytes are on the medium, and were read from it and found equal.
   * @throws EngineError
   */
  take(window: UnpackedWindow): Promise<void>;
  /** Whatever was written of it is what the template's chunks are named by. */
  windowDone(window: UnpackedWindow): void;
}

export class FeedPlace {
  readonly #taker: Taker;
  readonly #ended = Promise.withResolvers<void>();
  readonly #underWay = new Set<Promise<void>>();
  /** the first window that it has not been given */
  next = 0;
  /** for how long others with room waited for this one */
  heldUpMs = 0;
  #inHand = 0;
  #hasFailed = false;

  constructor(taker: Taker) {
    this.#taker = taker;
    // it may fail before anybody waits for it
    this.#ended.promise.catch(() => {});
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  get isFull(): boolean {
    return this.#inHand >= MAX_IN_HAND;
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Passes a window that is not wanted. @returns whether it was passed */
  pass({ region, lengths }: WindowRecord): boolean {
    if (this.#taker.wants(region)) return false;
    this.#taker.passed(lengths.reduce((sum, length) => sum + length, 0));
    this.next++;
    return true;
  }

  /** @param changed is told when it has one less in hand */
  give(window: FedWindow, changed: () => void): void {
    this.next++;
    this.#inHand++;
    const done = this.#take(window)
      .finally(() => {
        this.#inHand--;
        changed();
      })
      .then(() => window.verify(this))
      .then(() => this.#taker.windowDone(window))
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        window.leave(this);
        this.#underWay.delete(done);
      });
    this.#underWay.add(done);
  }

  async #take(window: FedWindow): Promise<void> {
    await window.ready;
    // what failed once is not written to any more
    if (!this.#hasFailed) await this.#taker.take(window);
  }

  fail(error: unknown): void {
    this.#hasFailed = true;
    this.#ended.reject(error);
  }

  /** It was given everything. */
  async end(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#ended.resolve();
  }
}
