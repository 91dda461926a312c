/** The catalog as a whole: verified, pruned, repaired, and what was done to it. */
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { runPrune } from '../../jobs/prune/run.ts';
import { runRepair } from '../../jobs/repair/run.ts';
import { runVerify } from '../../jobs/verify/run.ts';
import { catalogClaim } from '../claims.ts';
import type { Host, Operations } from './operations.ts';

export const catalogOperations = ({
  catalog,
  catalogPath,
  files,
  jobs,
  served,
  markLost,
}: Host): Operations<'verify.start' | 'prune.start' | 'repair.start' | 'log.list'> => ({
  'verify.start': ({ template }) => {
    const templateName = template === null ? '' : catalog.parts.templates.find(template).template.name;
    const about = { kind: 'verify', templateName, path: '' } as const;
    const run = (context: JobContext) => runVerify(catalog.parts, template, context);
    return { jobId: jobs.start(about, [catalogClaim('read')], [{ path: '', run }]) };
  },
  'prune.start': async () => {
    // on a full disk even the job's row needs some room
    await files.closeAll();
    if (jobs.isIdle && served.isIdle) catalog.makeRoom(true);
    const about = { kind: 'prune', templateName: '', path: catalogPath } as const;
    catalog.toWrite();
    const run = async (context: JobContext) => {
      // what is kept open for nobody must not keep its packs
      await files.closeAll();
      return runPrune(catalog.parts, context);
    };
    return { jobId: jobs.start(about, [catalogClaim('alone')], [{ path: '', run }]) };
  },
  'repair.start': async () => {
    if (!served.isIdle) throw new EngineError('CATALOG_BUSY', { path: catalogPath, holder: 'nbd' });
    // what is kept open knows the database that a repair may replace
    await files.closeAll();
    // behind other jobs it waits, as they do: they could not run where the database is damaged
    if (jobs.isIdle) {
      catalog.prepareRepair();
      markLost();
    }
    const about = { kind: 'repair', templateName: '', path: catalogPath } as const;
    const run = (context: JobContext) => runRepair(catalog.parts, context);
    return { jobId: jobs.start(about, [catalogClaim('alone')], [{ path: '', run }]) };
  },
  'log.list': ({ limit }) => catalog.listed.audit.list(limit),
});
