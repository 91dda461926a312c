/** How far a job is, in one number for all of it that pages and command line tell alike, and that only grows. */
import type { JobView, Phase, Progress } from './job.contract.ts';

/** A phase of a job: where in the whole of it it begins and ends. */
type Span = readonly [from: number, to: number];

/**
 * Which part of a whole job each phase is, so that one number can stand for all of it; in the order that they come. What only some
 * jobs do, and what comes at several points, has no part of its own: the number stands still meanwhile.
 */
const SPANS: Record<JobView['kind'], Partial<Record<Phase, Span>>> = {
  capture: { inspecting: [0, 0.02], capturing: [0.02, 0.94], publishing: [0.94, 0.96], verifying: [0.96, 1] },
  // each window is read back as soon as it is written
  deploy: { inspecting: [0, 0.02], writing: [0.02, 0.98], finishing: [0.98, 1] },
  verify: { marking: [0, 0.01], verifying: [0.01, 1] },
  prune: { marking: [0, 0.3], repacking: [0.3, 1] },
  repair: { scanning: [0, 1] },
  extract: { extracting: [0, 1] },
  import: {
    inspecting: [0, 0.02],
    unpacking: [0.02, 0.4],
    capturing: [0.4, 0.94],
    publishing: [0.94, 0.96],
    verifying: [0.96, 1],
  },
  export: { exporting: [0, 1] },
  boot: { booting: [0, 1] },
  stream: { streaming: [0, 1] },
  unknown: {},
};
/** What not every job of its kind does: it is not promised. */
const SOMETIMES: readonly Phase[] = ['unpacking', 'repacking', 'verifying'];
/** Nothing that still runs is told to be at its end. */
const MOST = 0.99;

/** 0..1 of the current phase; null where its size is not known */
export function phaseShare(progress: Progress | null): number | null {
  if (!progress || progress.totalBytes === 0) return null;
  return Math.min(1, progress.doneBytes / progress.totalBytes);
}

/** What the share of a job, or of one of its parts, is made of. */
type Worked = Pick<JobView, 'state' | 'progress' | 'phases'>;

/** 0..1 of the whole job, the one number that is shown of it; a part that has ended, however, is behind it. Null: nothing can be told yet. */
export function jobShare(job: JobView): number | null {
  if (job.state === 'ended') return job.outcome === 'done' ? 1 : 0;
  const { kind, parts } = job;
  if (parts.length < 2) return partShare(kind, job);
  const shares = parts.map((part) => (part.state === 'ended' ? 1 : partShare(kind, part)));
  if (shares.every((share) => share === null)) return null;
  return Math.min(MOST, shares.reduce<number>((sum, share) => sum + (share ?? 0), 0) / parts.length);
}

/** An image that is not packed is read at once. */
function spansOf(kind: JobView['kind'], phases: JobView['phases']) {
  return kind === 'import' && !phases.some(({ phase }) => phase === 'unpacking') ? SPANS.capture : SPANS[kind];
}

/** 0..1 of all that one part does; what is behind it counts whole, also where the present phase is none that has a part of the whole. */
export function partShare(kind: JobView['kind'], { progress, phases }: Worked): number | null {
  const spans = spansOf(kind, phases);
  const isLast = phases.at(-1)?.phase === progress?.phase;
  const past = isLast ? phases.slice(0, -1) : phases;
  const behind = past.flatMap(({ phase }) => (phase === 'unknown' ? [] : (spans[phase] ?? [])));
  const span = progress && spans[progress.phase];
  const share = phaseShare(progress);
  const now = span ? span[0] + (span[1] - span[0]) * (share ?? 0) : 0;
  const reached = Math.min(MOST, Math.max(now, 0, ...behind));
  return reached === 0 && share === null ? null : reached;
}

/** @returns whether it is the work that a job of its kind is there for: most of the whole, and so what its rate is told of */
export function isMainPhase(kind: JobView['kind'], phase: Phase): boolean {
  const lengths = Object.values(SPANS[kind]).map(([from, to]) => to - from);
  const span = SPANS[kind][phase];
  return span !== undefined && span[1] - span[0] === Math.max(...lengths);
}

/** The phases that every job of its kind still has before it, in their order. */
export function phasesToCome({ kind, state, phases }: Pick<JobView, 'kind' | 'state' | 'phases'>): Phase[] {
  if (state === 'ended') return [];
  const all = Object.keys(SPANS[kind]) as Phase[];
  const last = Math.max(-1, ...phases.map(({ phase }) => all.indexOf(phase as Phase)));
  return all.slice(last + 1).filter((phase) => !SOMETIMES.includes(phase) || kind === 'verify');
}

/**
 * The next view of a job, whose progress never falls behind what was already shown of the same phase: events may arrive out
 * of order, and a total may be corrected on the way. What a failed job had reached stays in sight.
 */
export function steady(previous: JobView | undefined, next: JobView): JobView {
  const parts = next.parts.map((part, i) => steadied(previous?.parts[i], part));
  return { ...steadied(previous, next), parts };
}

/** The same of a job and of one of its parts. */
function steadied<T extends Pick<JobView, 'state' | 'progress'>>(previous: T | undefined, next: T): T {
  const before = previous?.progress;
  if (!before) return next;
  if (next.state === 'ended') return next.progress ? next : { ...next, progress: before };
  if (previous?.state === 'ended') return previous;
  if (!next.progress) return next;
  if (next.progress.phase !== before.phase) return next;
  const shown = phaseShare(before) ?? 0;
  const share = phaseShare(next.progress) ?? 0;
  if (share >= shown) return next;
  return { ...next, progress: { ...next.progress, doneBytes: Math.round(shown * next.progress.totalBytes) } };
}
