/** From a version of a template to disks and image files. */
import { planDeploy } from '../../jobs/deploy/plan.ts';
import { runDeploy } from '../../jobs/deploy/run.ts';
import { checkTogether } from '../../jobs/deploy/targets-again.ts';
import { DeployRecordSchema } from '../../jobs/plan-records.ts';
import { catalogClaim, placeClaim } from '../claims.ts';
import { PlannedWork } from '../planned-work.ts';
import type { Host, Operations } from './operations.ts';

export function deployOperations({
  catalog,
  jobs,
}: Host): Operations<'deploy.plan' | 'deploy.start' | 'deploy.startAll'> {
  const deploys = new PlannedWork(jobs, {
    schema: DeployRecordSchema,
    about: ({ templateName, target }) => ({ kind: 'deploy', templateName, path: target.path }),
    claims: async ({ target }) => [await placeClaim(catalog.machine, 'target', target.path), catalogClaim('read')],
    run: (record, context) => runDeploy(catalog.parts, record, context),
  });
  return {
    'deploy.plan': (params, signal) =>
      deploys.plan((expiresAt) => planDeploy(catalog.parts, params, expiresAt, signal)),
    'deploy.start': async (agreement) => ({ jobId: (await deploys.start([agreement]))[0] }),
    'deploy.startAll': async ({ starts }) => ({
      jobIds: await deploys.start(starts, (records) => checkTogether(catalog.parts, records)),
    }),
  };
}
