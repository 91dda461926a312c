/** From an image of another tool to a version of a template. */
import { lookAtImage, planImport } from '../../jobs/import/plan.ts';
import { runImport } from '../../jobs/import/run.ts';
import { ImportRecordSchema, type ImportRecord } from '../../jobs/plan-records.ts';
import { catalogClaim, sourceClaims, templateClaim } from '../claims.ts';
import { PlannedWork } from '../planned-work.ts';
import { together } from '../together.ts';
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
    parts: (record) => together(pathsOf(record), (contexts) => runImport(catalog.parts, record, ...contexts)),
  });
  return {
    'import.look': (params, signal) => lookAtImage(catalog.looking, params, signal),
    'import.plan': (params, signal) =>
      imports.plan((expiresAt) => planImport(catalog.make(), params, expiresAt, signal)),
    'import.start': (agreement) => imports.start([agreement]),
  };
}

/** Of the disks in it, where it is known that they are several. */
const pathsOf = ({ source, disks }: ImportRecord) =>
  disks.length > 0 ? disks.map((name) => `${source.path}/${name}`) : [source.path];
