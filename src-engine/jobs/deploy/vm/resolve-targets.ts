/**
 * Targets that are machines become the image files of their disks, which are deployed as any others; what is left of the machine is
 * made, or gets its new disk, when all of them are whole (machine-in-the-making.ts).
 */
import type { EngineParts } from '../../engine-parts.ts';
import { refuseUnprovable } from '../../prove-version.ts';
import type { MachineRequest, ResolvedTarget } from './machine-plan.ts';
import { namedTargets, type NamedTarget, type SeveralParams } from './named-targets.ts';
import { planReload } from './plan-reload.ts';
import { planNewMachines } from './plan-new.ts';
import { EngineError } from '../../../core/engine-error.ts';

/**
 * @returns a target for each disk of each machine, in the order of what was named
 * @throws EngineError `BAD_REQUEST`, `TARGET_TWICE`, `TEMPLATE_NOT_FOUND`, `NO_SUCH_DISK`, `VM_NOT_FOUND`, `HYPERVISOR_MISSING`, `HYPERVISOR_UNREACHABLE`;
 *   `PLAN_BLOCKED` where it cannot be said where a disk would lie
 */
export async function resolveTargets(
  parts: EngineParts,
  params: SeveralParams,
  signal: AbortSignal,
): Promise<ResolvedTarget[]> {
  const named = namedTargets(params);
  const places = named.filter(({ isVm }) => isVm).map(({ target }) => target);
  refuseForNobody(params, places.length);
  const plain = ({ target, row }: NamedTarget): ResolvedTarget => ({ path: target, row, machine: null });
  if (places.length === 0) return named.map(plain);
  if (params.bootProof) refuseUnprovable(params.bootProof);
  const found = parts.templates.find(params.template);
  const all = found.version.disks.map((_, i) => i + 1);
  const request: MachineRequest = {
    found,
    disks: params.disk === undefined ? all : [params.disk],
    choice: params.vm ?? { start: false },
    params,
  };
  const planned = params.reload
    ? await planReload(parts, request, places, signal)
    : await planNewMachines(request, places, signal);
  return named.flatMap((one): ResolvedTarget[] => {
    if (!one.isVm) return [plain(one)];
    const machine = planned[places.indexOf(one.target)];
    return machine.vm.disks.map(({ path }, i) => ({ path, row: i === 0 ? one.row : {}, machine }));
  });
}

/** Choices that are of machines only, and others that are of disks only. */
function refuseForNobody(params: SeveralParams, machineCount: number): void {
  const refuse = (field: string, reason: string) => {
    throw new EngineError('BAD_REQUEST', { field, reason });
  };
  if (machineCount === 0) {
    const chosen = (['vm', 'reload', 'keepOldDisk'] as const).find((field) => params[field]);
    if (chosen) refuse(chosen, 'no target is a virtual machine');
    return;
  }
  if (params.served) refuse('served', 'a machine is not served yet');
  if (params.efiEntry) refuse('efiEntry', 'a virtual machine has a firmware of its own');
  if (params.vm?.overTemplate && (params.reload || params.bootProof))
    refuse('overTemplate', 'a new machine, which is proven by starting');
  if (params.keepOldDisk && !params.reload) refuse('keepOldDisk', 'a new machine has no disk before');
  if (machineCount > 1 && params.vm?.networks?.some(({ mac }) => mac !== undefined))
    refuse('vm.networks', 'one MAC address for several machines');
}
