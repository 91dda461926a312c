/** What the log keeps of jobs that came to nothing. */
import { expect, test } from 'vitest';
import type { JobPart, JobView } from '../../../src-engine/contract/job.contract.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { entriesOfUndone } from '../../../src-engine/host/undone-entries.ts';

const part = (path: string, more: Partial<JobPart> = {}): JobPart => ({
  path,
  state: 'ended',
  outcome: 'done',
  error: null,
  phases: [],
  progress: null,
  result: null,
  ...more,
});
const failure = new EngineError('WRITE_FAILED', { path: '/dev/sdb', offsetBytes: 512, reason: 'EIO' }).toView();
const cancelled = { outcome: 'aborted', error: new EngineError('ABORTED').toView() } as const;

const job = (kind: JobView['kind'], parts: JobPart[], more: Partial<JobView> = {}): JobView => ({
  ...part(parts.map(({ path }) => path).join(', ')),
  id: '00000000-0000-4000-8000-000000000001',
  kind,
  templateName: 'lab',
  waitsFor: null,
  createdAt: '2026-11-20T10:00:00.000Z',
  startedAt: null,
  endedAt: null,
  warnings: [],
  parts,
  ...more,
});

test('one line for each target that was not finished, none for those that were', () => {
  const parts = [part('/a.img'), part('/dev/sdb', { outcome: 'failed', error: failure }), part('/c.img', cancelled)];
  expect(entriesOfUndone(job('deploy', parts, { outcome: 'failed' }))).toEqual([
    {
      action: 'job.failed',
      subject: 'lab',
      data: {
        job: 'deploy',
        place: '/dev/sdb',
        error: 'WRITE_FAILED',
        path: '/dev/sdb',
        offsetBytes: 512,
        reason: 'EIO',
      },
    },
    { action: 'job.aborted', subject: 'lab', data: { job: 'deploy', place: '/c.img', error: 'ABORTED' } },
  ]);
});

test('one line for the disks of a capture, which are one thing', () => {
  const parts = [part('/dev/sda', cancelled), part('/dev/sdb', cancelled)];
  expect(entriesOfUndone(job('capture', parts, cancelled))).toEqual([
    { action: 'job.aborted', subject: 'lab', data: { job: 'capture', place: '/dev/sda, /dev/sdb', error: 'ABORTED' } },
  ]);
});

test.each(['import', 'export', 'prune', 'repair'] as const)('a %s that was interrupted', (kind) => {
  const [entry] = entriesOfUndone(job(kind, [part('/x', { outcome: 'lost' })], { outcome: 'lost' }));
  expect(entry).toMatchObject({ action: 'job.lost', data: { job: kind, place: '/x' } });
});

test('nothing of what was done, and of work whose success the log does not keep', () => {
  expect(entriesOfUndone(job('deploy', [part('/a.img')]))).toEqual([]);
  expect(entriesOfUndone(job('extract', [part('/etc', cancelled)], cancelled))).toEqual([]);
});

test('facts that are long are cut', () => {
  const many = new EngineError('TEMPLATE_DAMAGED', { templates: Array.from({ length: 9000 }, () => 'x'.repeat(9000)) });
  const [{ data }] = entriesOfUndone(job('prune', [], { outcome: 'failed', error: many.toView() }));
  expect(JSON.stringify(data).length).toBeLessThan(100_000);
});
