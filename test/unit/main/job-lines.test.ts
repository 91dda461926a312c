/** Jobs on the command line: what one waits for, several at once, and the parts of one. */
import { expect, test } from 'vitest';
import { createWords } from '../../../src-main/cli/words.ts';
import type { Language } from '../../../src-engine/words/languages.ts';
import { textPrinter } from '../../../src-main/cli/text-printer.ts';
import { jobShare, type JobPart, type JobView } from '../../../src-engine/contract/index.ts';

const id = (n: number) => `00000000-0000-4000-8000-00000000000${n}`;
const job = (n: number, more: Partial<JobView> = {}): JobView => ({
  id: id(n),
  kind: 'deploy',
  templateName: 'base',
  path: `/disks/${n}.img`,
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
const progress = (doneBytes: number): JobView['progress'] => ({
  phase: 'writing',
  doneBytes,
  totalBytes: 100,
  bytesPerSecond: 10e6,
  etaMs: null,
  slowest: 'target',
});
const queued = (n: number, waitsFor: JobView['waitsFor']) => job(n, { state: 'queued', waitsFor });
const waitsForTarget: JobView['waitsFor'] = {
  claim: 'target',
  what: '/dev/sdb',
  jobs: [{ id: id(1), kind: 'capture', templateName: 'lab', path: '/dev/sdb' }],
};

function printed(language: Language, isTerminal: boolean, ...views: JobView[]): { out: string; err: string } {
  const text = { out: '', err: '' };
  const screen = {
    out: (line: string) => void (text.out += line),
    err: (line: string) => void (text.err += line),
    isTerminal,
    columns: 120,
  };
  const printer = textPrinter(createWords(language), screen);
  for (const view of views) {
    if (view.state === 'ended') printer.result({ kind: 'job', value: view });
    else printer.progress(view);
  }
  return text;
}

test('what a job waits for is said once, with the job that is in the way', () => {
  const waiting = queued(2, waitsForTarget);
  expect(printed('en', false, waiting, waiting).err).toBe('Waits: another job uses /dev/sdb (Capture lab)\n');
  expect(printed('fr', false, waiting).err).toContain('une autre tâche se sert de /dev/sdb (Capture lab)');
  expect(printed('en', true, waiting).err).toContain('Waits: another job uses /dev/sdb');
});

test.each(['source', 'target', 'template', 'catalog', 'places'] as const)('it has words for: %s', (claim) => {
  for (const language of ['en', 'fr'] as const) {
    const line = printed(language, false, queued(2, { ...waitsForTarget, claim })).err;
    expect(line).not.toMatch(/waits\.|\{|^\n/);
  }
});

const part = (path: string, more: Partial<JobPart>): JobPart => ({
  path,
  state: 'ended',
  outcome: 'done',
  error: null,
  phases: [],
  progress: null,
  result: null,
  ...more,
});
const running = (path: string, doneBytes: number) =>
  part(path, { state: 'running', outcome: null, progress: progress(doneBytes) });

test('of several parts each line says whose it is, once', () => {
  const at = (one: number, two: number) =>
    job(1, { progress: progress(one + two), parts: [running('/disks/1.img', one), running('/disks/2.img', two)] });
  expect(printed('en', false, at(1, 2), at(3, 2)).err).toBe('/disks/1.img: Writing\n/disks/2.img: Writing\n');
  expect(printed('en', false, job(1, { progress: progress(1) })).err).toBe('Writing\n');
  const bar = printed('en', true, at(20, 60)).err;
  expect(bar.split('\r').at(-1)).toMatch(/1\.img 21%.*2\.img 60%/);
  // one that has ended says how
  const parts = [part('/disks/1.img', { outcome: 'failed' }), running('/disks/2.img', 60)];
  expect(printed('en', true, job(1, { progress: progress(60), parts })).err).toMatch(/1\.img Failed .*2\.img 60%/);
});

test('it tells the share of the whole job that pages tell, and never less than before', () => {
  const phases = (['inspecting', 'writing'] as const).map((phase) => ({ phase, startedAt: id(1), elapsedMs: 1 }));
  const at = (doneBytes: number) => job(1, { phases, progress: progress(doneBytes) });
  const share = Math.round(100 * jobShare(at(25))!);
  // a quarter of the writing is no quarter of the job
  expect(share).not.toBe(25);
  expect(printed('en', true, at(25)).err).toMatch(new RegExp(`Writing  █{6}░{18}  ${share}%  25.B of 100.B`));
  expect(printed('en', true, at(25), at(20)).err.split('\r').at(-1)).toContain(`${share}%`);
  expect(printed('fr', true, at(25)).err).toMatch(new RegExp(`${share}\\s%`));
});

test('a job of several parts shows each of them', () => {
  const error = (code: 'PARTS_FAILED' | 'DEVICE_BUSY', data = {}) => ({ code, message: '', hint: '', data });
  const ended = job(1, {
    state: 'ended',
    outcome: 'failed',
    error: error('PARTS_FAILED', { path: '/dev/sdc' }),
    parts: [
      part('/dev/sdb', {}),
      part('/dev/sdc', { outcome: 'failed', error: error('DEVICE_BUSY', { path: '/dev/sdc', reason: 'x' }) }),
    ],
  });
  const { out } = printed('en', false, ended);
  expect(out).toContain('  /dev/sdb: Done\n');
  expect(out).toMatch(/ {2}\/dev\/sdc: .*\/dev\/sdc.*\n/);
  expect(out).toContain('These parts failed: /dev/sdc.');
});

test('why several came to nothing is said once, last', () => {
  let err = '';
  const screen = { out: () => {}, err: (line: string) => void (err += line), isTerminal: false, columns: 120 };
  const printer = textPrinter(createWords('en'), screen);
  const error = { code: 'ABORTED' as const, message: '', hint: '', data: {} };
  const ended = job(1, { state: 'ended', outcome: 'aborted', error });
  printer.event({ kind: 'job', value: ended });
  printer.error(error);
  expect(err.match(/The job was cancelled\./g)).toHaveLength(1);
});

test('what lies over a template is not told as copied and read back', () => {
  const result = {
    ...{ templateId: null, versionNumber: 1, processedBytes: 9e9, storedBytes: 0, writtenBytes: 2e6, verifiedBytes: 0 },
    ...{ readBack: 'none' as const, damagedTemplates: [], isOverTemplate: true },
  };
  const { out } = printed('en', false, job(1, { state: 'ended', outcome: 'done', result }));
  expect(out).toContain('/disks/1.img lies over base, version 1: nothing was copied, 2\u00a0MB were written over it.');
  expect(out).not.toMatch(/read back|past the cache/i);
});
