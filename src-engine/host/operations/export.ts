/** From a version of a template to a file of another format. */
import { planExport } from '../../jobs/export/plan.ts';
import { runExport } from '../../jobs/export/run.ts';
import { ExportRecordSchema, type ExportRecord } from '../../jobs/plan-records.ts';
import { catalogClaim, placeClaim } from '../claims.ts';
import { PlannedWork } from '../planned-work.ts';
import type { Host, Operations } from './operations.ts';

export function exportOperations({
  catalog,
  jobs,
  makeRoomToRecord,
}: Host): Operations<'export.plan' | 'export.start'> {
  const exports = new PlannedWork(jobs, {
    schema: ExportRecordSchema,
    about: (record) => ({
      kind: 'export',
      templateName: record.templateName,
      path: filesOf(record)
        .map(({ path }) => path)
        .join(', '),
    }),
    claims: async (record) => [
      ...(await Promise.all(filesOf(record).map(({ path }) => placeClaim(catalog.machine, 'target', path)))),
      catalogClaim('read'),
    ],
    // each file is whole by itself: where one fails, the others are there all the same
    parts: () => (record) =>
      filesOf(record).map((file) => ({
        path: file.path,
        run: (context) => runExport(catalog.parts, { ...record, ...file, others: [] }, context),
      })),
  });
  return {
    'export.plan': (params) => exports.plan((expiresAt) => planExport(catalog.parts, params, expiresAt)),
    'export.start': async (agreement) => {
      await makeRoomToRecord();
      return exports.start([agreement]);
    },
  };
}

const filesOf = ({ disk, path, needsOverwrite, others }: ExportRecord) => [{ disk, path, needsOverwrite }, ...others];
