/** From a version of a template to disks and image files. */
import type { DeployPlan } from '../../contract/plan.contract.ts';
import { AttachedIds, KnownIds } from '../../jobs/deploy/attached-ids.ts';
import { feedKey, Feeds } from '../../jobs/deploy/feed.ts';
import { requestsOf, type AskedDeploy } from '../../jobs/deploy/plan-all.ts';
import { withCapturedAlike, withTwins } from '../../jobs/deploy/machines-alike.ts';
import { planDeploy } from '../../jobs/deploy/plan.ts';
import { runDeploy } from '../../jobs/deploy/run.ts';
import { checkTogether, refuseTwice } from '../../jobs/deploy/targets-again.ts';
import { DeployRecordSchema } from '../../jobs/plan-records.ts';
import { catalogClaim, placeClaim } from '../claims.ts';
import { PlannedWork } from '../planned-work.ts';
import type { Host, Operations } from './operations.ts';

export function deployOperations({
  catalog,
  jobs,
  evidence,
  makeRoomToRecord,
}: Host): Operations<'deploy.plan' | 'deploy.planAll' | 'deploy.start' | 'deploy.startAll'> {
  const deploys = new PlannedWork(jobs, {
    schema: DeployRecordSchema,
    about: ({ templateName, target }) => ({ kind: 'deploy', templateName, path: target.path }),
    claims: async ({ target }) => [await placeClaim(catalog.machine, 'target', target.path), catalogClaim('read')],
    parts: () => {
      const feeds = new Feeds(catalog.parts);
      return (record) => [
        {
          path: record.target.path,
          disk: record.disk,
          identity: record.request.identity,
          together: feedKey(record),
          run: (context) =>
            runDeploy(catalog.parts, record, feeds, (told) => evidence.keep(record.planId, told), context),
        },
      ];
    },
  });
  const known = new KnownIds();
  const attachedFor = (targets: readonly string[]) =>
    new AttachedIds(catalog.machine, catalog.parts.layout.root, known, targets);
  const plan = ({ request, checks }: AskedDeploy, attached: AttachedIds, signal: AbortSignal) =>
    deploys.plan((expiresAt) => planDeploy(catalog.parts, request, checks, attached, expiresAt, signal));
  return {
    'deploy.plan': (request, signal) => plan({ request, checks: [] }, attachedFor([request.target]), signal),
    'deploy.planAll': async (params, signal) => {
      await refuseTwice(catalog.machine, params.targets);
      const attached = attachedFor(params.targets);
      const plans: DeployPlan[] = [];
      const asked = requestsOf(catalog.parts, params);
      for (const one of asked) plans.push(await plan(one, attached, signal));
      const settings = asked.map(({ request }) => request.settings);
      const disksEach = params.disk === undefined ? plans[0].diskCount : 1;
      const alike = withCapturedAlike(settings, attached.withShared(plans), disksEach);
      return withTwins(catalog.parts, params, alike);
    },
    'deploy.start': async (agreement) => {
      await makeRoomToRecord();
      return deploys.start([agreement]);
    },
    'deploy.startAll': async ({ starts }) => {
      await makeRoomToRecord();
      return deploys.start(starts, (records) => checkTogether(catalog.parts, records));
    },
  };
}
