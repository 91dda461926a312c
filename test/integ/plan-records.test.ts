/** What is kept of a plan is plain JSON, small, and all that its job needs: what was written down is what is carried out. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { z } from 'zod';
import {
  COMMANDS,
  type CheckedParams,
  type CommandName,
  type CommandParams,
} from '../../src-engine/contract/commands.ts';
import { quietContext } from '../../src-engine/core/job-context.ts';
import type { CatalogHandle } from '../../src-engine/host/catalog-handle.ts';
import { KnownSearches } from '../../src-engine/identifiers/known-searches.ts';
import { KeptLooks } from '../../src-engine/inspection/kept-looks.ts';
import { planCapture } from '../../src-engine/jobs/capture/plan.ts';
import { runCapture } from '../../src-engine/jobs/capture/run.ts';
import { AttachedIds, KnownIds } from '../../src-engine/jobs/deploy/attached-ids.ts';
import { KnownDrivers } from '../../src-engine/jobs/deploy/known-drivers.ts';
import { KnownPutIns } from '../../src-engine/jobs/deploy/known-put-ins.ts';
import { planDeploy, type KnownBefore } from '../../src-engine/jobs/deploy/plan.ts';
import { Feeds } from '../../src-engine/jobs/deploy/feed.ts';
import { runDeploy } from '../../src-engine/jobs/deploy/run.ts';
import { planExport } from '../../src-engine/jobs/export/plan.ts';
import { runExport } from '../../src-engine/jobs/export/run.ts';
import { planImport } from '../../src-engine/jobs/import/plan.ts';
import { runImport } from '../../src-engine/jobs/import/run.ts';
import {
  CaptureRecordSchema,
  DeployRecordSchema,
  ExportRecordSchema,
  ImportRecordSchema,
  type PlanRecord,
} from '../../src-engine/jobs/plan-records.ts';
import { openCatalog } from '../support/catalog-handle.ts';
import { makeNoiseDisk } from '../support/disks.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const { signal } = new AbortController();
const expiresAt = new Date(Date.now() + 600_000).toISOString();
const disk = bench.path('disk.img');
let handle: CatalogHandle;

const params = <C extends CommandName>(command: C, given: CommandParams<C>) =>
  COMMANDS[command].params.parse(given) as CheckedParams<C>;

const knownFor = (target: string): KnownBefore => ({
  attached: new AttachedIds(handle.parts.machine, handle.parts.layout.root, new KnownIds(), [target]),
  putIns: new KnownPutIns(),
  drivers: new KnownDrivers(),
  searches: new KnownSearches(),
});

/** The record as a helper, or the engine after a restart, would have it. @param edit of its text */
function onPaper<R extends PlanRecord>(
  schema: z.ZodType<R>,
  record: R,
  edit: (text: string) => string = (text) => text,
): R {
  const text = JSON.stringify(record);
  expect(JSON.parse(text)).toEqual(record);
  expect(text.length).toBeLessThan(4096);
  return schema.parse(JSON.parse(edit(text)));
}

beforeAll(() => {
  makeNoiseDisk(bench, 'disk.img', 4 * MIB);
  handle = openCatalog(bench.path('catalog'));
});
afterAll(() => handle.close());

test('of a capture: the note that stands in the record is the note of the version', async () => {
  const asked = params('capture.plan', { source: disk, name: 'disk', note: 'as planned', tags: ['a'] });
  const { record, view } = await planCapture(handle.parts, new KeptLooks(0), asked, expiresAt, signal);
  expect(view).toMatchObject({ planId: record.planId, source: record.source, canRun: true });
  const kept = onPaper(CaptureRecordSchema, record, (text) => text.replace('as planned', 'as written down'));
  await runCapture(handle.parts, kept, quietContext());
  expect(handle.parts.templates.find('disk').template).toMatchObject({ note: 'as written down', tags: ['a'] });
});

test('of a deploy: what is written is what the record names, where it names it', async () => {
  const asked = params('deploy.plan', { template: 'disk', target: bench.path('planned.img') });
  const { record } = await planDeploy(
    handle.parts,
    { request: asked, checks: [], vm: null },
    knownFor(asked.target),
    expiresAt,
    signal,
  );
  const kept = onPaper(DeployRecordSchema, record, (text) => text.replaceAll('planned.img', 'written.img'));
  await runDeploy(handle.parts, kept, new Feeds(handle.parts), () => {}, quietContext());
  run('cmp', disk, bench.path('written.img'));
  expect(run('ls', bench.folder).split('\n')).not.toContain('planned.img');
});

test('of an export, and of the import of what it wrote', async () => {
  const asked = params('export.plan', { template: 'disk', format: 'qcow2', path: bench.path('disk.qcow2') });
  const { record } = await planExport(handle.parts, asked, expiresAt);
  await runExport(handle.parts, onPaper(ExportRecordSchema, record), quietContext());
  run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', disk, bench.path('disk.qcow2'));

  const image = params('import.plan', { path: bench.path('disk.qcow2'), name: 'again', overrides: [] });
  const planned = await planImport(handle.parts, new KeptLooks(0), image, expiresAt, signal);
  await runImport(handle.parts, onPaper(ImportRecordSchema, planned.record), quietContext());
  expect(handle.parts.templates.find('again').version.usedBytes).toBe(4 * MIB);
});

test('what a plan forbids stands in its record', async () => {
  const asked = params('deploy.plan', { template: 'disk', target: bench.path('no', 'such', 'folder.img') });
  const { record, view } = await planDeploy(
    handle.parts,
    { request: asked, checks: [], vm: null },
    knownFor(asked.target),
    expiresAt,
    signal,
  );
  expect(view.canRun).toBe(false);
  expect(onPaper(DeployRecordSchema, record).refusal).toMatchObject({
    code: 'PLAN_BLOCKED',
    data: { check: 'TARGET_FOLDER_MISSING' },
  });
});
