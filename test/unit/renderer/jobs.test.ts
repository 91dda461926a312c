import { describe, expect, it } from 'vitest';
import {
  jobShare,
  partShare,
  phaseShare,
  isMainPhase,
  phasesToCome,
  steady,
  type JobPart,
  type JobView,
  type Phase,
  type Progress,
} from '../../../src-engine/contract/index.ts';
import { attention } from '../../../src-renderer/modules/jobs/attention.ts';
import { mapShares, shareOfAll } from '../../../src-renderer/modules/jobs/progress.ts';

const progress = (more: Partial<Progress>): Progress => ({
  phase: 'writing',
  doneBytes: 0,
  totalBytes: 100,
  bytesPerSecond: 0,
  etaMs: null,
  slowest: null,
  ...more,
});

const job = (more: Partial<JobView> = {}): JobView => ({
  id: '00000000-0000-4000-8000-000000000001',
  kind: 'deploy',
  templateName: 'Debian',
  path: '/dev/sdb',
  state: 'running',
  waitsFor: null,
  outcome: null,
  error: null,
  createdAt: '2026-11-20T10:00:00.000Z',
  startedAt: null,
  endedAt: null,
  phases: [],
  progress: null,
  warnings: [],
  result: null,
  parts: [],
  ...more,
});

const part = (more: Partial<JobPart> = {}): JobPart => ({
  path: '/dev/sdb',
  state: 'running',
  outcome: null,
  error: null,
  phases: [],
  progress: null,
  result: null,
  ...more,
});

/** Phases that nobody knows the size of. */
const WITHOUT_SIZE: readonly Phase[] = [
  'resizing',
  'customising',
  'making-drivers',
  'finishing',
  'booting',
  'shutting-down',
  'publishing',
];
const phasesOf = (phases: readonly Phase[]): JobView['phases'] =>
  phases.map((phase) => ({ phase, startedAt: '2026-11-20T10:00:00.000Z', elapsedMs: 0 }));

describe('steady', () => {
  it('never shows less than was shown of the same phase', () => {
    const shown = job({ progress: progress({ doneBytes: 60 }) });
    const next = steady(shown, job({ progress: progress({ doneBytes: 40 }) }));
    expect(phaseShare(next.progress)).toBe(0.6);
  });

  it('holds its place when the total turns out larger', () => {
    const shown = job({ progress: progress({ doneBytes: 60 }) });
    const next = steady(shown, job({ progress: progress({ doneBytes: 70, totalBytes: 200 }) }));
    expect(phaseShare(next.progress)).toBe(0.6);
  });

  it('holds of each part too', () => {
    const shown = job({ parts: [part({ progress: progress({ doneBytes: 60 }) }), part()] });
    const next = steady(shown, job({ parts: [part({ progress: progress({ doneBytes: 40 }) }), part()] }));
    expect(next.parts.map((one) => phaseShare(one.progress))).toEqual([0.6, null]);
  });

  it('begins anew with a new phase', () => {
    const shown = job({ progress: progress({ doneBytes: 60 }) });
    const next = steady(shown, job({ progress: progress({ phase: 'reading-back', doneBytes: 5 }) }));
    expect(phaseShare(next.progress)).toBe(0.05);
  });

  it('keeps what a failed job had reached, and an ended job ended', () => {
    const shown = job({ progress: progress({ doneBytes: 60 }) });
    const failed = steady(shown, job({ state: 'ended', outcome: 'failed' }));
    expect(phaseShare(failed.progress)).toBe(0.6);
    expect(steady(failed, job({ progress: progress({ doneBytes: 80 }) })).state).toBe('ended');
  });
});

describe('jobShare', () => {
  /** Every moment of a job that goes through these phases, one of which may come twice. */
  const moments = (kind: JobView['kind'], phases: readonly Phase[]) =>
    phases.flatMap((phase, i) =>
      [0, 50, 100].map((doneBytes) => {
        const totalBytes = WITHOUT_SIZE.includes(phase) ? 0 : 100;
        return job({
          kind,
          phases: phasesOf(phases.slice(0, i + 1)),
          progress: progress({ phase, doneBytes, totalBytes }),
        });
      }),
    );

  it.each([
    [
      'deploy',
      ['inspecting', 'resizing', 'writing', 'resizing', 'customising', 'making-drivers', 'finishing', 'booting'],
    ],
    ['capture', ['shutting-down', 'inspecting', 'capturing', 'publishing', 'verifying', 'booting']],
    ['import', ['inspecting', 'unpacking', 'inspecting', 'capturing', 'publishing', 'booting']],
    ['import', ['inspecting', 'capturing', 'publishing']],
    ['verify', ['marking', 'verifying']],
    ['prune', ['marking', 'repacking', 'marking']],
  ] as const)('of a %s never goes back, and is never all of it before the end', (kind, phases) => {
    const shares = moments(kind, phases).map((one) => jobShare(one) ?? 0);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBeGreaterThan(0.9);
    expect(Math.max(...shares)).toBeLessThan(1);
    expect(jobShare(job({ kind, state: 'ended', outcome: 'done' }))).toBe(1);
  });

  it('cannot be told before anything has a size', () => {
    expect(jobShare(job({ state: 'queued' }))).toBeNull();
    expect(
      partShare('capture', {
        state: 'running',
        phases: [],
        progress: progress({ phase: 'inspecting', totalBytes: 0 }),
      }),
    ).toBeNull();
    expect(jobShare(job({ parts: [part({ state: 'queued' }), part({ state: 'queued' })] }))).toBeNull();
  });

  it('is that of all parts: one that has ended is behind it, whatever came of it', () => {
    const half = part({ progress: progress({ doneBytes: 50 }) });
    const failed = part({ state: 'ended', outcome: 'failed', progress: progress({ doneBytes: 10 }) });
    expect(jobShare(job({ parts: [half, failed, part({ state: 'queued' })] }))).toBeCloseTo((0.5 + 1 + 0) / 3);
    const [before, after] = [half, { ...half, state: 'ended' as const, outcome: 'failed' as const }];
    expect(jobShare(job({ parts: [half, after] }))).toBeGreaterThan(jobShare(job({ parts: [half, before] }))!);
  });

  it('does not guess where a size is not known', () => {
    expect(phaseShare(progress({ totalBytes: 0, doneBytes: 5 }))).toBeNull();
  });
});

describe('shareOfAll', () => {
  it('is the only running job’s own number, whatever waits or has ended', () => {
    const runs = job({ progress: progress({ doneBytes: 50 }) });
    const [waits, ended] = [job({ state: 'queued' }), job({ state: 'ended', outcome: 'done' })];
    expect(shareOfAll([waits, runs, ended])).toBe(jobShare(runs));
    expect(shareOfAll([runs, job()])).toBe(jobShare(runs)! / 2);
    expect([shareOfAll([waits]), shareOfAll([])]).toEqual([null, null]);
  });
});

it('the rate of a job is that of its work, not of what comes before and after', () => {
  const mains = (kind: JobView['kind']) =>
    (['inspecting', 'unpacking', 'capturing', 'writing', 'publishing', 'verifying', 'finishing'] as const).filter(
      (phase) => isMainPhase(kind, phase),
    );
  expect(mains('capture')).toEqual(['capturing']);
  expect(mains('import')).toEqual(['capturing']);
  expect(mains('deploy')).toEqual(['writing']);
  expect(mains('verify')).toEqual(['verifying']);
  expect(mains('unknown')).toEqual([]);
});

describe('phasesToCome', () => {
  it('are those that every job of the kind has, after the furthest that it was in', () => {
    const toCome = (phases: readonly Phase[], state: JobView['state'] = 'running') =>
      phasesToCome(job({ state, phases: phasesOf(phases) }));
    expect(toCome([], 'queued')).toEqual(['inspecting', 'writing', 'finishing']);
    expect(toCome(['inspecting', 'resizing'])).toEqual(['writing', 'finishing']);
    expect(toCome(['inspecting', 'writing', 'customising'])).toEqual(['finishing']);
    expect(toCome(['inspecting', 'writing'], 'ended')).toEqual([]);
  });
});

describe('mapShares', () => {
  it('fills what is written, then what was read back', () => {
    expect(mapShares(job({ progress: progress({ doneBytes: 30 }) }))).toEqual({ done: 0.3, verified: 0 });
    expect(mapShares(job({ progress: progress({ phase: 'reading-back', doneBytes: 30 }) }))).toEqual({
      done: 1,
      verified: 0.3,
    });
  });

  it('shows nothing as read back that was not', () => {
    const result = {
      templateId: null,
      versionNumber: null,
      processedBytes: 1,
      storedBytes: 0,
      verifiedBytes: 0,
      readBack: 'none' as const,
      damagedTemplates: [],
    };
    expect(mapShares(job({ state: 'ended', outcome: 'done', result })).verified).toBe(0);
  });
});

describe('attention', () => {
  const now = new Date('2026-11-21T10:00:00.000Z');
  const failed = job({ state: 'ended', outcome: 'failed', createdAt: '2026-11-20T10:00:00.000Z' });

  it('names what failed or was interrupted lately', () => {
    expect(attention([failed], now)).toEqual([failed]);
    expect(attention([job({ ...failed, outcome: 'lost' })], now)).toHaveLength(1);
    expect(attention([job({ ...failed, outcome: 'aborted' })], now)).toEqual([]);
    expect(attention([job({ ...failed, createdAt: '2026-11-01T10:00:00.000Z' })], now)).toEqual([]);
  });

  it('forgets what was made good since', () => {
    const done = job({ state: 'ended', outcome: 'done', createdAt: '2026-11-21T09:00:00.000Z' });
    expect(attention([done, failed], now)).toEqual([]);
    expect(attention([job({ ...done, path: '/dev/sdc' }), failed], now)).toEqual([failed]);
  });
});
