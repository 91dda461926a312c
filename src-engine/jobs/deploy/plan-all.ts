/** Several targets of one template: which of its disks goes where. */
import type { CheckedParams } from '../../contract/commands.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { StoredParts } from '../../versions/stored-parts.ts';
import type { DeployRequest } from './plan.ts';
import type { GuestSettings } from '../../contract/deploy.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { alikeChecks } from './machines-alike.ts';
import { isNothing, settingsFor } from './settings-for-target.ts';

export interface AskedDeploy {
  readonly request: DeployRequest;
  /** what is to be said of it beside the others */
  readonly checks: readonly Check[];
}

/**
 * One disk goes to every target: the one that was chosen, or the only one. Otherwise the disks go to the targets in their order, and
 * from the first again where there are targets for several machines.
 * @returns what is to be planned, target by target, of one version: a newer one may come meanwhile
 * @throws EngineError `TEMPLATE_NOT_FOUND`; `BAD_REQUEST` where settings do not go round; `TARGET_COUNT` where neither each disk gets a target nor each target a disk
 */
export function requestsOf(
  { templates }: Pick<StoredParts, 'templates'>,
  { targets, settings, each, ...request }: CheckedParams<'deploy.planAll'>,
): AskedDeploy[] {
  const { template, version: found } = templates.find(request.template);
  const count = found.disks.length;
  if (request.disk === undefined && targets.length % count !== 0) {
    const name = `${template.name}@${found.number}`;
    throw new EngineError('TARGET_COUNT', { template: name, count, targets: targets.length });
  }
  if (each && each.length !== targets.length) {
    throw new EngineError('BAD_REQUEST', { reason: `settings for ${each.length} of ${targets.length} targets` });
  }
  const disksEach = request.disk === undefined ? count : 1;
  const machines = Array.from({ length: targets.length / disksEach }, (_, machine) => {
    const rows = each?.slice(machine * disksEach, (machine + 1) * disksEach);
    return settingsFor(settings, rows && rowsOfOne(rows), machine + 1);
  });
  const alike = alikeChecks(machines);
  return targets.map((target, i) => {
    const machine = Math.floor(i / disksEach);
    const disk = request.disk ?? (i % count) + 1;
    const version = `${template.id}@${found.number}`;
    return {
      request: { ...request, settings: machines[machine], template: version, disk, target },
      checks: alike[machine],
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
