/** From an image of another tool to a version of a template. */
import { KeptLooks } from '../../inspection/kept-looks.ts';
import { lookAtImage, type ImportLook } from '../../jobs/import/look.ts';
import { planImport } from '../../jobs/import/plan.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import { runImport } from '../../jobs/import/run.ts';
import { ImportRecordSchema, type ImportRecord } from '../../jobs/plan-records.ts';
import { togetherContext } from '../../core/job-context.ts';
import { proveStored, refuseUnprovable, type Tell } from '../../jobs/prove-version.ts';
import { catalogClaim, sourceClaims, templateClaim } from '../claims.ts';
import { PlannedWork } from '../planned-work.ts';
import { PLAN_LIFETIME_MS } from '../plans.ts';
import { together } from '../together.ts';
import type { Host, Operations } from './operations.ts';

export function importOperations({
  catalog,
  jobs,
  evidence,
}: Host): Operations<'import.look' | 'import.plan' | 'import.start'> {
  const looks = new KeptLooks<ImportLook>(PLAN_LIFETIME_MS);
  const imports = new PlannedWork(jobs, {
    schema: ImportRecordSchema,
    about: ({ name, source }) => ({ kind: 'import', templateName: name, path: source.path }),
    claims: async ({ name, source, files }) => [
      ...(await sourceClaims(catalog.machine, source.path, files ?? [])),
      templateClaim(name),
      catalogClaim('write'),
    ],
    parts: () => (record) =>
      together(pathsOf(record), async (contexts) => {
        const { parts } = catalog;
        const stored = await runImport(parts, record, ...contexts);
        const tell: Tell = (told) => evidence.keep(record.planId, told);
        return proveStored(parts, stored, record.request.bootProof, tell, togetherContext(contexts));
      }),
  });
  return {
    'import.look': async (params, signal) => {
      const { endOfLife } = await openRulebook(catalog.looking);
      return (await lookAtImage(looks, { ...params, outside: 'ask' }, endOfLife, signal)).view;
    },
    'import.plan': (params, signal) => {
      if (params.bootProof) refuseUnprovable(params.bootProof);
      catalog.make();
      return imports.plan((expiresAt) => planImport(catalog.toWrite(), looks, params, expiresAt, signal));
    },
    'import.start': (agreement) => imports.start([agreement]),
  };
}

/** Of the disks in it, where it is known that they are several. */
const pathsOf = ({ source, disks }: ImportRecord) =>
  disks.length > 0 ? disks.map((name) => `${source.path}/${name}`) : [source.path];
