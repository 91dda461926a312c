/** Progress as a person sees it: shares that only grow. */
import type { JobView, Phase, Progress } from '../../../src-engine/contract/index.ts';

/** Which part of a whole job each phase is, so that one ring can stand for all of it. */
const SPANS: Record<JobView['kind'], Partial<Record<Phase, readonly [from: number, to: number]>>> = {
  capture: { inspecting: [0, 0.02], capturing: [0.02, 0.94], publishing: [0.94, 0.96], verifying: [0.96, 1] },
  deploy: {
    inspecting: [0, 0.02],
    writing: [0.02, 0.62],
    'reading-back': [0.62, 0.98],
    finishing: [0.98, 1],
    booting: [1, 1],
  },
  verify: { verifying: [0, 1] },
  prune: { marking: [0, 0.3], repacking: [0.3, 1] },
  repair: { scanning: [0, 0.9], publishing: [0.9, 1] },
  extract: { extracting: [0, 1] },
  import: {
    unpacking: [0, 0.4],
    inspecting: [0.4, 0.42],
    capturing: [0.42, 0.94],
    publishing: [0.94, 0.96],
    verifying: [0.96, 1],
  },
  export: { exporting: [0, 1] },
  boot: { booting: [0, 1] },
  unknown: {},
};

/** 0..1 of the current phase; null where its size is not known */
export function phaseShare(progress: Progress | null): number | null {
  if (!progress || progress.totalBytes === 0) return null;
  return Math.min(1, progress.doneBytes / progress.totalBytes);
}

/** 0..1 of the whole job */
export function jobShare(job: JobView): number {
  if (job.state === 'ended') return job.outcome === 'done' ? 1 : 0;
  const span = job.progress && SPANS[job.kind][job.progress.phase];
  if (!span) return 0;
  return span[0] + (span[1] - span[0]) * (phaseShare(job.progress) ?? 0);
}

/** How the picture of the disk is filled: what is done, and what was read back. */
export function mapShares(job: JobView): { done: number; verified: number } {
  if (job.outcome === 'done')
    return { done: 1, verified: job.kind === 'capture' || job.kind === 'import' || hasReadBack(job) ? 1 : 0 };
  const share = phaseShare(job.progress) ?? 0;
  switch (job.progress?.phase) {
    case 'capturing':
    case 'writing':
      return { done: share, verified: 0 };
    case 'publishing':
      return { done: 1, verified: 0 };
    case 'verifying':
    case 'reading-back':
      return { done: 1, verified: share };
    case 'finishing':
      return { done: 1, verified: 1 };
    default:
      return { done: 0, verified: 0 };
  }
}

const hasReadBack = (job: JobView) => job.kind === 'verify' || (job.result !== null && job.result.readBack !== 'none');

/**
 * The next view of a job, whose progress never falls behind what was already shown of the same phase: events may arrive out
 * of order, and a total may be corrected on the way. What a failed job had reached stays in sight.
 */
export function steady(previous: JobView | undefined, next: JobView): JobView {
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
