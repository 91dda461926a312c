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
    streaming: [1, 1],
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
  stream: { streaming: [0, 1] },
  unknown: {},
};

/** 0..1 of the current phase; null where its size is not known */
export function phaseShare(progress: Progress | null): number | null {
  if (!progress || progress.totalBytes === 0) return null;
  return Math.min(1, progress.doneBytes / progress.totalBytes);
}

/** 0..1 of the whole job; a part that has ended, however, is behind it */
export function jobShare(job: JobView): number {
  if (job.state === 'ended') return job.outcome === 'done' ? 1 : 0;
  const { kind, parts } = job;
  if (parts.length < 2) return shareSoFar(kind, job.progress);
  const shares = parts.map(({ state, progress }) => (state === 'ended' ? 1 : shareSoFar(kind, progress)));
  return shares.reduce((sum, share) => sum + share, 0) / parts.length;
}

function shareSoFar(kind: JobView['kind'], progress: Progress | null): number {
  const span = progress && SPANS[kind][progress.phase];
  if (!span) return 0;
  return span[0] + (span[1] - span[0]) * (phaseShare(progress) ?? 0);
}

/** Whether a job fills the picture of a disk: what is still packed fills none yet. */
export function picturesDisk({ kind, templateName, progress }: JobView): boolean {
  if (kind === 'import') return progress?.phase !== 'unpacking';
  return kind === 'capture' || kind === 'deploy' || (kind === 'verify' && templateName !== '');
}

/** How the picture of a disk is filled by a job, or by the part of it that is about the disk: what is done, and what was read back. */
export function mapShares(job: Pick<JobView, 'kind' | 'outcome' | 'progress' | 'result'>): {
  done: number;
  verified: number;
} {
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

const hasReadBack = (job: Pick<JobView, 'kind' | 'result'>) =>
  job.kind === 'verify' || (job.result !== null && job.result.readBack !== 'none');

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
