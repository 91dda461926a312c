/** From an image of another tool to a version of a template. */
import { lookAtImage, planImport } from '../../jobs/import/plan.ts';
import { runImport } from '../../jobs/import/run.ts';
import { ImportRecordSchema } from '../../jobs/plan-records.ts';
import { catalogClaim, sourceClaims, templateClaim } from '../claims.ts';
import { PlannedWork } from '../planned-work.ts';
import type { Host, Operations } from './operations.ts';

export function importOperations({ catalog, jobs }: Host): Operations<'import.look' | 'import.plan' | 'import.start'> {
  const imports = new PlannedWork(jobs, {
    schema: ImportRecordSchema,
    about: ({ name, source }) => ({ kind: 'import', templateName: name, path: source.path }),
    claims: async ({ name, source, files }) => [
      ...(await sourceClaims(catalog.machine, source.path, files ?? [])),
      templateClaim(name),
      catalogClaim('write'),
    ],
    run: (record, context) => runImport(catalog.parts, record, context),
  });
  return {
    'import.look': (params, signal) => lookAtImage(catalog.looking, params, signal),
    'import.plan': (params, signal) =>
      imports.plan((expiresAt) => planImport(catalog.make(), params, expiresAt, signal)),
    'import.start': (agreement) => imports.start([agreement]),
  };
}
