/** From a version of a template to disks and image files. */
import type { CheckedParams } from '../../contract/commands.ts';
import type { DeployPlan } from '../../contract/plan.contract.ts';
import { AttachedIds, KnownIds } from '../../jobs/deploy/attached-ids.ts';
import { isVmPlace } from '../../contract/vm-place.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { KnownSearches } from '../../identifiers/known-searches.ts';
import { KnownDrivers } from '../../jobs/deploy/known-drivers.ts';
import { KnownPutIns } from '../../jobs/deploy/known-put-ins.ts';
import { feedKey, Feeds } from '../../jobs/deploy/feed.ts';
import { requestsOf } from '../../jobs/deploy/plan-all.ts';
import { reloadedDisk } from '../../jobs/deploy/vm/plan-reload.ts';
import { withCapturedAlike, withTwins } from '../../jobs/deploy/machines-alike.ts';
import type { Owner } from '../../jobs/deploy/open-target.ts';
import { planDeploy, type AskedDeploy, type KnownBefore } from '../../jobs/deploy/plan.ts';
import { runDeploy } from '../../jobs/deploy/run.ts';
import { MachineInTheMaking } from '../../jobs/deploy/vm/machine-in-the-making.ts';
import { resolveTargets } from '../../jobs/deploy/vm/resolve-targets.ts';
import { checkTogether, refuseTwice } from '../../jobs/deploy/targets-again.ts';
import { pathsBySerial } from '../../jobs/deploy/targets-by-serial.ts';
import { DeployRecordSchema } from '../../jobs/plan-records.ts';
import type { Tell } from '../../jobs/prove-version.ts';
import { catalogClaim, machineClaim, placeClaim } from '../claims.ts';
import { diskNames, PlannedWork } from '../planned-work.ts';
import { HelpedDeploys } from '../rights/helped-deploys.ts';
import type { Host, Operations } from './operations.ts';
import type { FoundDisk } from '../../versions/found-disk.ts';

export function deployOperations({
  catalog,
  catalogPath,
  jobs,
  evidence,
  machines: served,
  makeRoomToRecord,
}: Host): Operations<'deploy.plan' | 'deploy.planAll' | 'deploy.start' | 'deploy.startAll'> {
  const deploys = new PlannedWork(jobs, {
    schema: DeployRecordSchema,
    about: ({ templateName, target, vm }) => ({
      kind: 'deploy',
      templateName,
      path: vm?.place ?? target.path,
      diskName: vm ? undefined : diskNames([target]),
    }),
    claims: async ({ target, vm }) => [
      await placeClaim(catalog.machine, 'target', target.path),
      ...(vm ? [machineClaim(vm.place)] : []),
      catalogClaim('read'),
    ],
    parts: () => {
      const feeds = new Feeds(catalog.parts);
      const machines = new Map<string, MachineInTheMaking>();
      const helped = new HelpedDeploys(catalog.layout.root);
      return (record) => [
        {
          path: record.target.path,
          disk: record.disk,
          identity: record.request.identity,
          // disks of a machine end together, and machines share feeds
          together: record.vm ? 'machines' : record.asksRights ? 'rights' : feedKey(record),
          run: record.asksRights
            ? helped.add(record)
            : (context) => {
                const tell: Tell = (told) => evidence.keep(record.planId, told);
                const { vm } = record;
                if (!vm) return runDeploy(catalog.parts, record, feeds, tell, context);
                const machine = machines.get(vm.id) ?? new MachineInTheMaking(() => catalog.parts, served, vm, tell);
                machines.set(vm.id, machine);
                // a machine that fails ends its own disks, and no feed
                const fed = { of: (found: FoundDisk) => feeds.of(found, context.signal) };
                const deploy = (own: JobContext, owner: Owner) =>
                  runDeploy(catalog.parts, record, fed, tell, own, owner);
                return machine.runPart(record, deploy, context);
              },
        },
      ];
    },
  });
  const known = new KnownIds();
  const drivers = new KnownDrivers();
  const searches = new KnownSearches();
  const knownFor = (targets: readonly string[]): KnownBefore => ({
    attached: new AttachedIds(catalog.machine, catalog.parts.layout.root, known, targets),
    putIns: new KnownPutIns(),
    drivers,
    searches,
  });
  const plan = (asked: AskedDeploy, before: KnownBefore, signal: AbortSignal) =>
    deploys.plan((expiresAt) => planDeploy(catalog.parts, asked, before, expiresAt, signal));
  const planAll = async (asked: CheckedParams<'deploy.planAll'>, signal: AbortSignal) => {
    const disk = asked.disk ?? (asked.reload ? reloadedDisk(catalog.parts.templates.find(asked.template)) : undefined);
    const params = { ...asked, disk, targets: await pathsBySerial(catalog.machine, catalogPath, asked.targets) };
    const targets = await resolveTargets(catalog.parts, params, signal);
    const paths = targets.map(({ path }) => path);
    await refuseTwice(catalog.machine, paths);
    const before = knownFor(paths);
    const plans: DeployPlan[] = [];
    const requests = requestsOf(catalog.parts, params, targets);
    for (const one of requests) plans.push(await plan(one, before, signal));
    const settings = requests.map(({ request }) => request.settings);
    const disksEach = params.disk === undefined ? plans[0].diskCount : 1;
    const alike = withCapturedAlike(settings, before.attached.withShared(plans), disksEach);
    return withTwins(catalog.parts, params, alike);
  };
  return {
    'deploy.plan': async (request, signal) => {
      const { target, ...params } = request;
      if (!isVmPlace(target)) {
        if (request.vm) throw new EngineError('BAD_REQUEST', { field: 'vm', reason: 'no target is a virtual machine' });
        return plan({ request, checks: [], vm: null }, knownFor([target]), signal);
      }
      const one = { count: 1, reload: false, keepOldDisk: false };
      const plans = await planAll({ ...params, targets: [target], ...one }, signal);
      if (plans.length === 1) return plans[0];
      throw new EngineError('DISK_CHOICE_REQUIRED', { template: plans[0].templateName, count: plans.length });
    },
    'deploy.planAll': planAll,
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
