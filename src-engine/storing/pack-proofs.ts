/** Reads the packs of a capture back while the next ones are written, so that little is left to prove at its end. */
import { toEngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import type { PressPool } from '../store/press-pool.ts';
import { recheckFrame, recheckFrames, type MadeFrame } from '../versions/recheck-frames.ts';

/** Each waits behind what presses have to compress: fewer fall behind. */
const AT_ONCE = 3;

export class PackProofs {
  readonly #pool: PressPool;
  readonly #framesOf: (pack: string) => Iterator<MadeFrame>;
  /** packs of which nothing was read back yet */
  readonly #packs: string[] = [];
  #frames: Iterator<MadeFrame> | null = null;
  #running: Promise<void> | null = null;
  #isEnding = false;
  /** the first frame that is not what it was made as */
  #failure: Error | null = null;
  #count = 0;
  #provenBytes = 0;

  /** @param framesOf a pack that was added */
  constructor(pool: PressPool, framesOf: (pack: string) => Iterator<MadeFrame>) {
    this.#pool = pool;
    this.#framesOf = framesOf;
  }

  /**
   * Takes a pack that is durable. Its frames are read back a few at a time: presses have other work, too.
   * @returns when all that was added so far is proven, or {@link finish} does it
   * @throws EngineError as {@link recheckFrames}
   */
  add(pack: string): Promise<void> {
    this.#packs.push(pack);
    return (this.#running ??= this.#readBack().finally(() => (this.#running = null)));
  }

  /** Reads back what is left, with all presses. @param allBytes of all frames, unpacked @throws EngineError as {@link recheckFrames}, of any frame */
  async finish(allBytes: number, context: JobContext): Promise<void> {
    this.#isEnding = true;
    await this.#running;
    // it may have been told when nobody asked any more
    if (this.#failure) throw this.#failure;
    await recheckFrames(this.#pool, this.#left(), allBytes - this.#provenBytes, context);
  }

  async #readBack(): Promise<void> {
    const goOn = async () => {
      while (!this.#isEnding && !this.#failure) {
        const frame = this.#next();
        if (!frame) return;
        await recheckFrame(this.#pool, frame, this.#count++);
        this.#provenBytes += frame.rawBytes;
      }
    };
    const fail = (error: unknown) => void (this.#failure ??= toEngineError(error));
    await Promise.all(Array.from({ length: AT_ONCE }, () => goOn().catch(fail)));
    if (this.#failure) throw this.#failure;
  }

  #next(): MadeFrame | null {
    for (;;) {
      const next = this.#frames?.next();
      if (next && !next.done) return next.value;
      const pack = this.#packs.shift();
      if (pack === undefined) return null;
      this.#frames = this.#framesOf(pack);
    }
  }

  *#left(): Generator<MadeFrame> {
    for (let frame = this.#next(); frame; frame = this.#next()) yield frame;
  }
}
