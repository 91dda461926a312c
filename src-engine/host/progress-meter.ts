/** Rate and time left of a phase, from what is done and when. */
import type { Phase, Progress } from '../contract/job.contract.ts';

/** The rate looks back this far: long enough to be calm, short enough to follow. */
const LOOK_BACK_MS = 8000;
/** Time left is not told before this much of the phase has passed. */
const LEARN_MS = 1500;
/** What goes on faster, as most disks do, is not slow, whatever it waits for. */
const SLOW_BYTES_PER_SECOND = 40_000_000;
/** Nothing is called slow before a phase has gone on for this long. */
const SLOW_AFTER_MS = 5000;

export class ProgressMeter {
  readonly phase: Phase;
  readonly #totalBytes: number;
  readonly #startedAt: number;
  #doneBytes = 0;
  #slowest: Progress['slowest'] = null;
  /** points in time and what was done then, oldest first */
  readonly #samples: { at: number; bytes: number }[];

  constructor(phase: Phase, totalBytes: number, now: number) {
    this.phase = phase;
    this.#totalBytes = totalBytes;
    this.#startedAt = now;
    this.#samples = [{ at: now, bytes: 0 }];
  }

  advance(bytes: number): void {
    this.#doneBytes += bytes;
  }

  slowest(what: Progress['slowest']): void {
    this.#slowest = what;
  }

  read(now: number): Progress {
    this.#samples.push({ at: now, bytes: this.#doneBytes });
    while (this.#samples.length > 2 && now - this.#samples[0].at > LOOK_BACK_MS) this.#samples.shift();
    const first = this.#samples[0];
    const elapsedMs = now - first.at;
    const bytesPerSecond = elapsedMs > 0 ? ((this.#doneBytes - first.bytes) / elapsedMs) * 1000 : 0;
    // what was found out on the way may be more than was planned: never past the end
    const doneBytes = this.#totalBytes > 0 ? Math.min(this.#doneBytes, this.#totalBytes) : this.#doneBytes;
    const isKnown = this.#totalBytes > 0 && bytesPerSecond > 0 && now - this.#startedAt >= LEARN_MS;
    const isSlow = now - this.#startedAt >= SLOW_AFTER_MS && bytesPerSecond < SLOW_BYTES_PER_SECOND;
    return {
      phase: this.phase,
      doneBytes,
      totalBytes: this.#totalBytes,
      bytesPerSecond,
      etaMs: isKnown ? ((this.#totalBytes - doneBytes) / bytesPerSecond) * 1000 : null,
      slowest: isSlow ? this.#slowest : null,
    };
  }
}
