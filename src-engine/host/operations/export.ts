/** From a version of a template to a file of another format. */
import { planExport } from '../../jobs/export/plan.ts';
import { runExport } from '../../jobs/export/run.ts';
import { ExportRecordSchema } from '../../jobs/plan-records.ts';
import { catalogClaim, placeClaim } from '../claims.ts';
import { PlannedWork } from '../planned-work.ts';
import type { Host, Operations } from './operations.ts';

export function exportOperations({ catalog, jobs }: Host): Operations<'export.plan' | 'export.start'> {
  const exports = new PlannedWork(jobs, {
    schema: ExportRecordSchema,
    about: ({ templateName, path }) => ({ kind: 'export', templateName, path }),
    claims: async ({ path }) => [await placeClaim(catalog.machine, 'target', path), catalogClaim('read')],
    run: (record, context) => runExport(catalog.parts, record, context),
  });
  return {
    'export.plan': (params) => exports.plan((expiresAt) => planExport(catalog.parts, params, expiresAt)),
    'export.start': (agreement) => exports.start([agreement]),
  };
}
