/** What is offered once a job has ended. */
import { expect, test } from 'vitest';
import type { JobView } from '../../../src-engine/contract/index.ts';
import { againOf } from '../../../src-renderer/modules/jobs/again.ts';

const job = (more: Partial<JobView>) =>
  ({
    id: 'j',
    kind: 'capture',
    state: 'ended',
    outcome: 'failed',
    path: '/a',
    templateName: 'T',
    parts: [],
    ...more,
  }) as JobView;

test('what this tab has chosen is chosen again; else as much as the job says of itself', () => {
  expect(againOf(job({}), null, true)).toEqual({ to: { name: 'capture', query: { again: 'j' } }, isOther: false });
  const parts = ['/a', '/b'].map((path) => ({ path })) as JobView['parts'];
  expect(againOf(job({ parts }), null, false)).toMatchObject({
    to: { name: 'capture', query: { source: '/a', other: ['/b'], name: 'T' } },
  });
  expect(againOf(job({ kind: 'import', outcome: 'lost' }), null, false)).toMatchObject({
    to: { query: { path: '/a' } },
  });
  expect(againOf(job({ kind: 'deploy', outcome: 'aborted' }), 't', false)).toMatchObject({
    to: { name: 'deploy', query: { template: 't', target: '/a' } },
  });
  expect(againOf(job({ kind: 'verify' }), null, false)).toEqual({ command: 'verify.start' });
});

test('what went well goes to another disk, if it went to one at all', () => {
  expect(againOf(job({ kind: 'deploy', outcome: 'done' }), 't', true)).toMatchObject({ isOther: true });
  expect(againOf(job({ outcome: 'done' }), 't', true)).toBeNull();
  expect(againOf(job({ state: 'running', outcome: null }), null, true)).toBeNull();
  expect(againOf(job({ kind: 'deploy' }), null, false)).toBeNull();
});

test('what is asked for by a command is asked for again, as far as it is known', () => {
  expect(againOf(job({ kind: 'boot', path: '' }), 't', false)).toEqual({ command: 'boot.start' });
  expect(againOf(job({ kind: 'boot', path: '' }), null, false)).toBeNull();
  expect(againOf(job({ kind: 'stream', outcome: 'lost' }), 't', false)).toEqual({ command: 'vm.stream' });
  expect(againOf(job({ kind: 'extract', outcome: 'aborted' }), 't', true)).toEqual({ command: 'files.extract' });
  // where to is said in no job
  expect(againOf(job({ kind: 'extract' }), 't', false)).toBeNull();
});

test('an export is of a template', () => {
  const to = { name: 'export', params: { id: 't' } };
  expect(againOf(job({ kind: 'export' }), 't', true)).toEqual({ to: { ...to, query: { again: 'j' } }, isOther: false });
  expect(againOf(job({ kind: 'export' }), 't', false)).toEqual({ to: { ...to, query: {} }, isOther: false });
  expect(againOf(job({ kind: 'export' }), null, true)).toBeNull();
});
