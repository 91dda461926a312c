/** Several targets of one template: which of its disks goes where. */
import type { CheckedParams } from '../../contract/commands.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { StoredParts } from '../../versions/stored-parts.ts';
import type { DeployRequest } from './plan.ts';
import { settingsFor } from './settings-for-target.ts';

/**
 * One disk goes to every target: the one that was chosen, or the only one. Otherwise the disks go to the targets in their order, and
 * from the first again where there are targets for several machines.
 * @returns what is to be planned, target by target, of one version: a newer one may come meanwhile
 * @throws EngineError `TEMPLATE_NOT_FOUND`; `BAD_REQUEST` where settings do not go round; `TARGET_COUNT` where neither each disk gets a target nor each target a disk
 */
export function requestsOf(
  { templates }: Pick<StoredParts, 'templates'>,
  { targets, settings, each, ...request }: CheckedParams<'deploy.planAll'>,
): DeployRequest[] {
  const { template, version } = templates.find(request.template);
  const count = version.disks.length;
  if (request.disk === undefined && targets.length % count !== 0) {
    const name = `${template.name}@${version.number}`;
    throw new EngineError('TARGET_COUNT', { template: name, count, targets: targets.length });
  }
  if (each && each.length !== targets.length) {
    throw new EngineError('BAD_REQUEST', { reason: `settings for ${each.length} of ${targets.length} targets` });
  }
  const disksEach = request.disk === undefined ? count : 1;
  return targets.map((target, i) => ({
    ...request,
    // the disks of one machine have one number
    settings: settingsFor(settings, each?.[i], Math.floor(i / disksEach) + 1),
    template: `${template.id}@${version.number}`,
    disk: request.disk ?? (i % count) + 1,
    target,
  }));
}
