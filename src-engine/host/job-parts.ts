/** From the parts of a job to the job: its phases, its progress, its outcome. */
import type { JobPart, JobResult, JobView, Progress } from '../contract/job.contract.ts';
import type { ErrorView } from '../contract/errors.ts';
import { EngineError } from '../core/engine-error.ts';

type Made = Pick<JobView, 'phases' | 'progress' | 'outcome' | 'error' | 'result'>;

export function madeOfParts(parts: readonly JobPart[]): Made {
  const [only] = parts;
  if (parts.length === 1) {
    const { phases, progress, outcome, error, result } = only;
    return { phases, progress, outcome, error, result };
  }
  const areEnded = parts.every(({ state }) => state === 'ended');
  const outcome = areEnded ? outcomeOf(parts) : null;
  return {
    phases: parts.toSorted((a, b) => b.phases.length - a.phases.length)[0]?.phases ?? [],
    progress: progressOf(parts),
    outcome,
    error: outcome === null || outcome === 'done' ? null : errorOf(parts, outcome),
    result: outcome === 'done' ? sumOf(parts.map(({ result }) => result!)) : null,
  };
}

/** All done is done; one that failed fails the job; what is left was cancelled or lost. */
function outcomeOf(parts: readonly JobPart[]): NonNullable<JobView['outcome']> {
  const has = (outcome: JobPart['outcome']) => parts.some((part) => part.outcome === outcome);
  return has('failed') ? 'failed' : has('lost') ? 'lost' : has('aborted') ? 'aborted' : 'done';
}

function errorOf(parts: readonly JobPart[], outcome: JobView['outcome']): ErrorView {
  const first = parts.find((part) => part.outcome === outcome)!.error!;
  if (outcome !== 'failed') return first;
  const pathsOf = (wanted: (part: JobPart) => boolean) => parts.filter(wanted).map(({ path }) => path);
  const failed = pathsOf((part) => part.outcome === 'failed');
  const done = pathsOf((part) => part.outcome === 'done');
  // what was to become one thing is none: its reason is that of the whole
  if (failed.length === 1 && done.length === 0) return first;
  const data = { path: failed.join(', '), failed, done, reason: first.code };
  return new EngineError('PARTS_FAILED', data, first.message).toView();
}

/** That of the part which is furthest behind, with the amounts of all that are in its phase. */
function progressOf(parts: readonly JobPart[]): Progress | null {
  const running = parts.filter(({ state, progress }) => state === 'running' && progress !== null);
  const shown = running.length > 0 ? running : parts.filter(({ progress }) => progress !== null);
  if (shown.length === 0) return null;
  const behind = shown.reduce((a, b) => (b.phases.length < a.phases.length ? b : a)).progress!;
  const same = shown.map(({ progress }) => progress!).filter(({ phase }) => phase === behind.phase);
  const sum = (field: 'doneBytes' | 'totalBytes' | 'bytesPerSecond') => same.reduce((all, one) => all + one[field], 0);
  const left = same.map(({ etaMs }) => etaMs);
  return {
    phase: behind.phase,
    doneBytes: sum('doneBytes'),
    totalBytes: sum('totalBytes'),
    bytesPerSecond: sum('bytesPerSecond'),
    etaMs: left.includes(null) ? null : Math.max(...left.map((ms) => ms ?? 0)),
    slowest: behind.slowest,
  };
}

function sumOf(results: readonly JobResult[]): JobResult {
  const [first] = results;
  const notProven = results.find((result) => result.notProven)?.notProven;
  const sum = (field: 'processedBytes' | 'storedBytes' | 'verifiedBytes') =>
    results.reduce((all, result) => all + result[field], 0);
  const written = results.reduce((all, { writtenBytes, processedBytes }) => all + (writtenBytes ?? processedBytes), 0);
  return {
    ...first,
    ...(first.writtenBytes !== undefined && { writtenBytes: written }),
    ...(first.isOverTemplate && { isOverTemplate: results.every(({ isOverTemplate }) => isOverTemplate) }),
    ...(notProven && { notProven }),
    processedBytes: sum('processedBytes'),
    storedBytes: sum('storedBytes'),
    verifiedBytes: sum('verifiedBytes'),
    // no better than the worst of them
    readBack: (['none', 'cached', 'direct'] as const).find((one) => results.some(({ readBack }) => readBack === one))!,
    damagedTemplates: [...new Set(results.flatMap(({ damagedTemplates }) => damagedTemplates))],
  };
}
