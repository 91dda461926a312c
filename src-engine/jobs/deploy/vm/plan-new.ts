/** Plans new machines: what each is made of, where its disks lie, and what stands against it. */
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { VmNameSchema, type PlannedVm } from '../../../contract/new-vm.contract.ts';
import type { Vm } from '../../../contract/vm.contract.ts';
import type { Check } from '../../../contract/warnings.ts';
import { EngineError } from '../../../core/engine-error.ts';
import { freeBytes } from '../../../machines/free-bytes.ts';
import type { DiskPool, Maker } from '../../../machines/hypervisors/maker.port.ts';
import { makerOf } from '../../../machines/hypervisors/made-machine.ts';
import { hypervisorAt } from '../../../machines/hypervisors/hypervisors.ts';
import { wholeExtents } from '../volume-target.ts';
import { filesFor, volumesFor } from './disk-names.ts';
import { hardwareOf, type Host } from './hardware.ts';
import type { MachinePlan, MachineRequest } from './machine-plan.ts';

const USUAL_POOL = 'default';
const USUAL_FORMAT = 'qcow2';
/** Of all addresses that QEMU's machines have. */
const MAC_PREFIX = '52:54:00';

interface Chosen {
  readonly pool: DiskPool;
  readonly folder: string;
  /** where its disks are volumes; null: they are files */
  readonly group: Group | null;
  readonly checks: readonly Check[];
}

interface Group {
  readonly freeBytes: number;
  readonly extentBytes: number;
  /** of its volumes */
  readonly names: readonly string[];
}

/**
 * @param places all of one hypervisor, each once
 * @returns in their order
 * @throws EngineError as `resolveTargets`
 */
export async function planNewMachines(
  request: MachineRequest,
  places: readonly string[],
  signal: AbortSignal,
): Promise<MachinePlan[]> {
  const { found, disks, choice, params } = request;
  const names = places.map((place) => checkedName(place));
  const { hypervisor } = hypervisorAt(places[0]);
  const maker = makerOf(places[0]);
  const others = await hypervisor.list(signal);
  const chosen = await chosenPool(maker, choice.pool, choice.overTemplate !== undefined, signal);
  const host = await hostOf(maker, signal);
  const { group } = chosen;
  const format = params.diskFormat ?? (group ? 'raw' : USUAL_FORMAT);
  if (group && format !== 'raw')
    throw new EngineError('BAD_REQUEST', { field: 'diskFormat', reason: 'a volume of a pool is raw' });
  if (choice.overTemplate && format !== 'qcow2')
    throw new EngineError('BAD_REQUEST', { field: 'diskFormat', reason: 'an overlay is a qcow2' });
  const template = disks.map((disk) => ({ ...diskFacts(request, disk), disk }));
  const neededBytes = template.reduce(
    (sum, one) => sum + (group ? wholeExtents(params.lengthBytes ?? one.capacityBytes, group) : one.usedBytes),
    0,
  );
  const room = await roomChecks(chosen, neededBytes * places.length);
  const macs = new Set(others.flatMap(({ networks }) => networks.map(({ mac }) => mac?.toLowerCase() ?? '')));
  const paths = new Set<string>();
  const boot = template.findIndex(({ role }) => role === 'boot');
  const plans: MachinePlan[] = [];
  for (const [i, name] of names.entries()) {
    const hardware = await hardwareOf(name, found.version, template, choice, host);
    const id = randomUUID();
    const volumes = group && (await volumesFor(chosen.folder, group.names, { name, id }, disks.length, paths));
    const files = volumes ?? (await filesFor(chosen.folder, name, disks.length, format, paths));
    const chosenMacs = choice.networks?.map(({ mac }) => mac?.toLowerCase()) ?? [];
    const networks = hardware.cards.map((card, j) => ({ ...card, mac: chosenMacs[j] ?? freshMac(macs) }));
    const namesOf = deviceNames();
    const vm: PlannedVm = {
      ...hardwareOnly(hardware),
      place: places[i],
      hypervisor: hypervisor.kind,
      name,
      id,
      isReload: false,
      generationId: randomUUID(),
      pool: chosen.pool.name,
      variables: hardware.firmware === 'uefi' ? files.variables : null,
      disks: template.map(({ disk, sectorBytes }, j) => ({
        disk,
        path: files.disks[j],
        volume: volumes && group && { name: volumes.volumes[j], extentBytes: group.extentBytes },
        format,
        name: namesOf(hardware.buses[j]),
        bus: hardware.buses[j],
        sectorBytes,
        serial: randomBytes(8).toString('hex'),
        isBoot: j === Math.max(0, boot),
      })),
      networks,
      keptDisk: null,
      start: choice.start || choice.overTemplate === 'instant',
      overTemplate: choice.overTemplate ?? null,
      bootProof: params.bootProof,
    };
    const checks = [...takenChecks(vm, others), ...chosen.checks, ...room, ...hardware.checks];
    if (choice.overTemplate)
      checks.push({ code: 'VM_OVER_TEMPLATE', level: 'warn', data: { name, over: choice.overTemplate } });
    plans.push({ vm, checks, lengthBytes: params.lengthBytes });
  }
  return plans;
}

function hardwareOnly(hardware: Awaited<ReturnType<typeof hardwareOf>>) {
  const { processors, memoryBytes, firmware, isSecureBoot, hasTpm, machineType, accelerator, clock, notes } = hardware;
  return { processors, memoryBytes, firmware, isSecureBoot, hasTpm, machineType, accelerator, clock, notes };
}

/** @throws EngineError `BAD_REQUEST` for a name that a new machine cannot have */
function checkedName(place: string): string {
  const { name } = hypervisorAt(place);
  if (!VmNameSchema.safeParse(name).success)
    throw new EngineError('BAD_REQUEST', { field: 'name', value: name, reason: 'vm-name' });
  return name;
}

/** What speaks against it beside the machines that are there, at the plan and when it is made. */
export function takenChecks(vm: Pick<PlannedVm, 'name' | 'place' | 'networks'>, others: readonly Vm[]): Check[] {
  const { name, place } = vm;
  const checks: Check[] = [];
  const isTaken = others.some((other) => other.name === name);
  if (isTaken) checks.push({ code: 'VM_NAME_TAKEN', level: 'block', data: { name, place } });
  for (const { mac } of vm.networks) {
    const holder = others.find(({ networks }) =>
      networks.some((card) => card.mac?.toLowerCase() === mac.toLowerCase()),
    );
    if (holder) checks.push({ code: 'VM_MAC_TAKEN', level: 'block', data: { name, mac, holder: holder.name } });
  }
  if (checks.length === 0) checks.push({ code: 'VM_NAME_FREE', level: 'pass', data: { name, place } });
  return checks;
}

/** @throws EngineError `PLAN_BLOCKED` where there is none, or none that has a folder or volumes; what asking it for its room throws */
async function chosenPool(
  maker: Maker,
  asked: string | undefined,
  isOverlay: boolean,
  signal: AbortSignal,
): Promise<Chosen> {
  const pools = await maker.pools(signal);
  const refuse = (code: Check['code'], data: Check['data']) => {
    throw new EngineError('PLAN_BLOCKED', { ...data, check: code });
  };
  const usable = pools.filter(({ folder, isActive }) => folder !== null && isActive);
  const usual = pools.find(({ name }) => name === USUAL_POOL) ?? (usable.length === 1 ? usable[0] : undefined);
  const pool = asked === undefined ? usual : pools.find(({ name }) => name === asked);
  const known = pools.length > 0 ? pools.map(({ name }) => name) : ['–'];
  if (!pool) return refuse('VM_POOL_MISSING', { pool: asked ?? USUAL_POOL, pools: known });
  const place = pool.folder ?? pool.devices;
  if (place === null) return refuse('VM_POOL_KIND', { pool: pool.name, kind: pool.kind });
  const data = { pool: pool.name, folder: place };
  if (pool.folder === null) {
    if (isOverlay) return refuse('VM_POOL_NO_OVERLAY', { pool: pool.name, kind: pool.kind });
    // nothing is known of what is not started
    if (!pool.isActive) return refuse('VM_POOL_DOWN', data);
    const names = await maker.volumes.names(pool.name, signal);
    return { pool, folder: place, group: { ...(await maker.volumes.room(pool.name, signal)), names }, checks: [] };
  }
  return {
    pool,
    // a link on the way is nobody's to change: pools are the hypervisor's
    folder: await realpath(place).catch(() => place),
    group: null,
    checks: pool.isActive ? [] : [{ code: 'VM_POOL_DOWN', level: 'block', data }],
  };
}

/** Of all machines together: each disk's own check knows nothing of the others. */
async function roomChecks({ pool, folder, group }: Chosen, requiredBytes: number): Promise<Check[]> {
  const free = group ? group.freeBytes : await freeBytes(folder).catch(() => null);
  if (free === null) return [];
  const data = { pool: pool.name, folder, requiredBytes, freeBytes: free };
  const hasRoom = free >= requiredBytes;
  return [
    hasRoom ? { code: 'VM_POOL_SPACE', level: 'pass', data } : { code: 'VM_POOL_SPACE_LOW', level: 'block', data },
  ];
}

async function hostOf(maker: Maker, signal: AbortSignal): Promise<Host> {
  return {
    processors: availableParallelism(),
    memoryBytes: totalmem(),
    networks: await maker.networks(signal),
    isBridge: (name) => /^[^/\s]{1,15}$/.test(name) && existsSync(join('/sys/class/net', name, 'bridge')),
    abilities: (machineType) => maker.abilities(machineType, signal),
  };
}

/** @throws EngineError `NO_SUCH_DISK` */
export function diskFacts({ found }: Pick<MachineRequest, 'found'>, number: number) {
  const disk = found.version.disks[number - 1];
  if (!disk) {
    const name = `${found.template.name}@${found.version.number}`;
    throw new EngineError('NO_SUCH_DISK', { name, number, count: found.version.disks.length });
  }
  const { bus, role, usedBytes, capacityBytes, layout } = disk;
  return { bus, role, usedBytes, capacityBytes, sectorBytes: layout.sectorBytes };
}

/** 'vda', 'vdb'…: letters by the prefix, which SATA and SCSI share. */
function deviceNames(): (bus: string) => string {
  const counts = new Map<string, number>();
  return (bus) => {
    const prefix = bus === 'virtio' ? 'vd' : bus === 'ide' ? 'hd' : 'sd';
    const index = counts.get(prefix) ?? 0;
    counts.set(prefix, index + 1);
    return prefix + lettersOf(index);
  };
}

/** a…z, aa, ab… */
function lettersOf(index: number): string {
  const letter = String.fromCharCode(97 + (index % 26));
  return index < 26 ? letter : lettersOf(Math.floor(index / 26) - 1) + letter;
}

/** One that no machine here has. @param taken it is added to them */
function freshMac(taken: Set<string>): string {
  for (;;) {
    const bytes = Array.from({ length: 3 }, () => randomInt(256).toString(16).padStart(2, '0'));
    const mac = [MAC_PREFIX, ...bytes].join(':');
    if (taken.has(mac)) continue;
    taken.add(mac);
    return mac;
  }
}
