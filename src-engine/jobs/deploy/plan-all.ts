/** Several targets of one template: which of its disks goes where. */
import type { CheckedParams } from '../../contract/commands.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { StoredParts } from '../../versions/stored-parts.ts';
import type { AskedDeploy } from './plan.ts';
import type { GuestSettings } from '../../contract/deploy.contract.ts';
import type { ResolvedTarget } from './vm/machine-plan.ts';
import { alikeChecks } from './machines-alike.ts';
import { isNothing, settingsFor } from './settings-for-target.ts';

/**
 * One disk goes to every target: the one that was chosen, or the only one. Otherwise the disks go to the targets in their order, and
 * from the first again where there are targets for several machines.
 * @param targets each disk of a virtual machine is one
 * @returns what is to be planned, target by target, of one version: a newer one may come meanwhile
 * @throws EngineError `TEMPLATE_NOT_FOUND`; `BAD_REQUEST` where settings do not go round; `TARGET_COUNT` where neither each disk gets a target nor each target a disk
 */
export function requestsOf(
  { templates }: Pick<StoredParts, 'templates'>,
  params: CheckedParams<'deploy.planAll'>,
  targets: readonly ResolvedTarget[],
): AskedDeploy[] {
  const { settings } = params;
  const { template, version: found } = templates.find(params.template);
  const count = found.disks.length;
  if (params.disk === undefined && targets.length % count !== 0) {
    const name = `${template.name}@${found.number}`;
    throw new EngineError('TARGET_COUNT', { template: name, count, targets: targets.length });
  }
  const disksEach = params.disk === undefined ? count : 1;
  const machines = Array.from({ length: targets.length / disksEach }, (_, machine) => {
    const rows = targets.slice(machine * disksEach, (machine + 1) * disksEach).flatMap(({ row }) => row ?? []);
    return settingsFor(settings, rows.length > 0 ? rowsOfOne(rows) : undefined, machine + 1);
  });
  const alike = alikeChecks(machines);
  const {
    targets: _targets,
    each: _each,
    vm: _vm,
    count: _count,
    reload: _reload,
    keepOldDisk: _kept,
    ...shared
  } = params;
  return targets.map(({ path, machine: vm }, i) => {
    const machine = Math.floor(i / disksEach);
    const disk = params.disk ?? (i % count) + 1;
    const version = `${template.id}@${found.number}`;
    const request = { ...shared, settings: machines[machine], template: version, disk, target: path };
    if (!vm) return { request, checks: alike[machine], vm: null };
    const { format, isBoot } = vm.vm.disks.find((one) => one.path === path)!;
    return {
      request: {
        ...request,
        diskFormat: vm.vm.overTemplate ? undefined : format,
        served: vm.vm.overTemplate !== null,
        lengthBytes: vm.lengthBytes,
        bootProof: null,
      },
      // what is said of the machine is said once
      checks: [...(isBoot ? vm.checks : vm.checks.filter(({ level }) => level === 'block')), ...alike[machine]],
      vm: vm.vm,
    };
  });
}

/** The disks of one machine have a row each: what any of them says is said of the machine. */
function rowsOfOne(rows: readonly Partial<GuestSettings>[]): Partial<GuestSettings> {
  const all: Record<string, unknown> = {};
  for (const [field, value] of rows.flatMap((row) => Object.entries(row))) {
    if (isNothing(value)) continue;
    if (field in all && JSON.stringify(all[field]) !== JSON.stringify(value)) {
      throw new EngineError('BAD_REQUEST', { field, reason: `two for one machine: ${rows.length} rows` });
    }
    all[field] = value;
  }
  return all;
}
