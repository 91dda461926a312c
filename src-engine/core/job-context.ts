/**
 * What long work carries as its first argument: the signal that cancels it, its progress and its warnings. Explicit, so
 * that the flow can be read.
 */
import type { Phase } from '../contract/job.contract.ts';
import type { Progress } from '../contract/job.contract.ts';
import type { Warning } from '../contract/warnings.ts';

export interface JobContext {
  readonly signal: AbortSignal;
  /** Begins a phase. @param totalBytes 0 where it is not known */
  phase(phase: Phase, totalBytes: number): void;
  /** Adds to what the current phase has done. Cheap: may be called for every block. */
  advance(bytes: number): void;
  /** Says what the job waits for at present. */
  slowest(what: Progress['slowest']): void;
  warn(warning: Warning): void;
}

/** A context for work that nobody watches: inspection, tests. */
export function quietContext(signal: AbortSignal = new AbortController().signal, warnings: Warning[] = []): JobContext {
  return {
    signal,
    phase() {},
    advance() {},
    slowest() {},
    warn: (warning) => void warnings.push(warning),
  };
}

/**
 * What parts do together, told to all of them: each is in that phase, and the first has the amounts, so that their sum is right.
 * @param parts at least one
 */
export function togetherContext(parts: readonly JobContext[]): JobContext {
  const [first] = parts;
  return {
    signal: first.signal,
    phase: (phase, totalBytes) => parts.forEach((part, i) => part.phase(phase, i === 0 ? totalBytes : 0)),
    advance: (bytes) => first.advance(bytes),
    slowest: (what) => parts.forEach((part) => part.slowest(what)),
    warn: (warning) => first.warn(warning),
  };
}
