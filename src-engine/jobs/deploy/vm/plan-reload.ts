/** Plans a reload: a machine that is there gets a new first disk of a template, and stays what it is in all else. */
import { randomUUID } from 'node:crypto';
import { DISK_BUSES } from '../../../contract/boot.contract.ts';
import { DEPLOY_FORMATS, type DeployFormat, type PlannedVm } from '../../../contract/new-vm.contract.ts';
import { hardDisksOf, type Vm, type VmDisk } from '../../../contract/vm.contract.ts';
import type { Check } from '../../../contract/warnings.ts';
import { EngineError } from '../../../core/engine-error.ts';
import { openSource } from '../../../images/open-source.ts';
import { makerOf } from '../../../machines/hypervisors/made-machine.ts';
import { vmAt } from '../../../machines/hypervisors/hypervisors.ts';
import type { EngineParts } from '../../engine-parts.ts';
import { cardIn } from './hardware.ts';
import { diskFacts } from './plan-new.ts';
import type { MachinePlan, MachineRequest } from './machine-plan.ts';

/** What a reload does not change: it stands in the machine's own definition. */
const OF_DEFINITION = [
  'processors',
  'memoryBytes',
  'pool',
  'firmware',
  'isSecureBoot',
  'hasTpm',
  'bus',
  'machineType',
  'networks',
] as const;

/** @returns which disk of a template goes to a machine that is reloaded, where nobody named one: that which it starts from, from 1 */
export function reloadedDisk({ version: { disks } }: Pick<MachineRequest['found'], 'version'>): number {
  return (
    1 +
    Math.max(
      0,
      disks.findIndex(({ role }) => role === 'boot'),
    )
  );
}

/** @returns in the order of the places @throws EngineError as `resolveTargets` */
export async function planReload(
  parts: EngineParts,
  request: MachineRequest,
  places: readonly string[],
  signal: AbortSignal,
): Promise<MachinePlan[]> {
  const { disks, choice, params } = request;
  const chosen = OF_DEFINITION.find((field) => choice[field] !== undefined);
  if (chosen)
    throw new EngineError('BAD_REQUEST', {
      field: `vm.${chosen}`,
      reason: 'a machine that is reloaded keeps its hardware',
    });
  if (params.diskFormat)
    throw new EngineError('BAD_REQUEST', {
      field: 'diskFormat',
      reason: 'a machine that is reloaded keeps its format',
    });
  const plans: MachinePlan[] = [];
  for (const place of places) {
    makerOf(place);
    const vm = await vmAt(place, signal);
    const { disk, format } = reloadable(vm, place);
    const capacityBytes = await lengthOf(parts, disk, format, signal);
    const { capacityBytes: templateBytes, sectorBytes } = diskFacts(request, disks[0]);
    const keptDisk = params.keepOldDisk ? `${disk.path}.before-${stamp()}` : null;
    const planned: PlannedVm = {
      ...kept(vm),
      place,
      isReload: true,
      disks: [
        {
          disk: disks[0],
          path: disk.path,
          volume: null,
          format,
          name: disk.name,
          bus: DISK_BUSES.find((bus) => bus === disk.bus) ?? 'sata',
          sectorBytes,
          serial: disk.serial ?? '',
          isBoot: true,
        },
      ],
      keptDisk,
      start: choice.start,
      overTemplate: null,
      bootProof: params.bootProof,
    };
    const data = { name: vm.name, path: disk.path, kept: keptDisk ?? '' };
    const told: Check = { code: keptDisk ? 'VM_DISK_KEPT' : 'VM_DISK_ERASED', level: 'warn', data };
    const lengthBytes = params.lengthBytes ?? Math.max(capacityBytes, templateBytes);
    plans.push({ vm: planned, checks: [told, ...offChecks(vm)], lengthBytes });
  }
  return plans;
}

/** What stands against it by how the machine is just now: at the plan, and before its disk is replaced. */
export function offChecks({ name, place, state, snapshots }: Vm): Check[] {
  if (state !== 'off') return [{ code: 'VM_RUNS', level: 'block', data: { name, place, state } }];
  // they are of the disk that goes
  if (snapshots && snapshots.length > 0)
    return [{ code: 'VM_HAS_SNAPSHOTS', level: 'block', data: { name, place, snapshots } }];
  return [{ code: 'VM_IS_OFF', level: 'pass', data: { name, place } }];
}

/** @throws EngineError `VM_WITHOUT_DISKS`, `VM_DISK_ELSEWHERE`, `VM_POOL_DOWN`; `PLAN_BLOCKED` where it is a device, or of a format that is not made here */
function reloadable(vm: Vm, place: string): { disk: VmDisk & { path: string }; format: DeployFormat } {
  const [disk] = hardDisksOf(vm);
  if (!disk) throw new EngineError('VM_WITHOUT_DISKS', { place });
  const { path, placed, name } = disk;
  if (placed === 'pool-down') throw new EngineError('VM_POOL_DOWN', { place, name, path: path ?? '' });
  if (placed === 'device' && path !== null)
    throw new EngineError('PLAN_BLOCKED', { check: 'VM_RELOAD_DEVICE', name: vm.name, path });
  if (path === null || placed !== 'file') throw new EngineError('VM_DISK_ELSEWHERE', { place, name, path: path ?? '' });
  const said = disk.format ?? 'raw';
  const format = DEPLOY_FORMATS.find((one) => one === said && one !== 'vmdk');
  if (!format) throw new EngineError('PLAN_BLOCKED', { check: 'VM_RELOAD_FORMAT', name: vm.name, path, format: said });
  return { disk: { ...disk, path }, format };
}

/** A disk that is gone, or cannot be read, is as long as the template needs. */
async function lengthOf(
  parts: EngineParts,
  disk: VmDisk & { path: string },
  format: DeployFormat,
  signal: AbortSignal,
): Promise<number> {
  const opened = await openSource(parts.machine, disk.path, format, signal).catch(() => null);
  signal.throwIfAborted();
  if (!opened) return 0;
  const { lengthBytes } = opened.source;
  await opened.source.close();
  return lengthBytes;
}

/** For what is shown; its definition is not written anew. */
function kept(vm: Vm) {
  return {
    hypervisor: vm.hypervisor,
    name: vm.name,
    id: vm.id,
    processors: vm.processors ?? 1,
    memoryBytes: vm.memoryBytes ?? 0,
    firmware: vm.firmware ?? ('bios' as const),
    isSecureBoot: vm.hasSecureBoot,
    hasTpm: vm.hasTpm,
    machineType: /q35/.test(vm.machineType ?? '') ? ('q35' as const) : ('pc' as const),
    accelerator: 'tcg' as const,
    clock: 'utc' as const,
    generationId: randomUUID(),
    pool: '',
    variables: null,
    networks: vm.networks.map(({ mac, model, to }) => ({ ...cardIn(to ?? ''), mac: mac ?? '', model: model ?? '' })),
    notes: [],
  };
}

/** '20261129-164500' */
const stamp = () => new Date().toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
