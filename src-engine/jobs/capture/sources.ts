/** What a capture reads: the disks that were named, or those of a virtual machine, with what its hypervisor says of each. */
import { realpath, stat } from 'node:fs/promises';
import type { CheckedParams } from '../../contract/commands.ts';
import { DISK_FORMATS, type DiskFormat, type PlaceView } from '../../contract/disk.contract.ts';
import type { MachineProfile } from '../../contract/machine.contract.ts';
import { bootDiskOf, hardDisksOf, type Vm, type VmDisk } from '../../contract/vm.contract.ts';
import { hostOfVmPlace, isVmPlace, type SshHost } from '../../contract/vm-place.ts';
import { EngineError } from '../../core/engine-error.ts';
import { usesOfSources, type SourceUse } from '../../judgement/source-checks.ts';
import type { Hypervisor } from '../../machines/hypervisors/hypervisor.port.ts';
import { hypervisorAt } from '../../machines/hypervisors/hypervisors.ts';
import { isSystemFile } from '../../machines/hypervisors/system-files.ts';
import { remotePath, type RemoteDisk } from '../../machines/hypervisors/remote-disk.ts';
import type { LiveDisk } from '../../machines/hypervisors/live.port.ts';
import { MAX_DISKS } from '../../contract/template.contract.ts';
import type { EngineParts } from '../engine-parts.ts';

export type CaptureRequest = CheckedParams<'capture.plan'>;

export interface CaptureSource {
  readonly path: string;
  /** null: as its bytes tell it */
  readonly format: DiskFormat | null;
  /** null: what this machine knows of it */
  readonly bus: string | null;
  /** the disk of a virtual machine: what it names is where its hypervisor finds it */
  readonly isOfMachine: boolean;
  /** where its hypervisor has the files that it names otherwise than by a path */
  readonly parents?: Readonly<Record<string, string>>;
  /** it lies on another host, and is read over ssh */
  readonly remote?: RemoteDisk;
  /** where its hypervisor serves it as it was at one moment; left out: it is read where it lies */
  readonly served?: ServedDisk;
}

export interface ServedDisk extends Pick<LiveDisk, 'exportName' | 'sectorBytes' | 'changesContext'> {
  readonly socketPath: string;
}

export interface CaptureSources {
  readonly sources: readonly CaptureSource[];
  /** whose disks they are; null: of nobody that is known */
  readonly vm: Vm | null;
  /** it runs, and is read meanwhile: its sources are those of a moment */
  readonly isLive: boolean;
}

/**
 * @param mayRun a machine that runs will be shut down, or is looked at only
 * @throws EngineError `VM_NOT_FOUND`, `HYPERVISOR_MISSING`, `HYPERVISOR_UNREACHABLE`; `VM_NOT_OFF` (place, state); `VM_DISK_ELSEWHERE` (place,
 *   name, path) for a disk that only the hypervisor reaches; `VM_POOL_DOWN` (place, name, path); `VM_DISK_NONE` (place, name, path) for what is neither a file nor a disk; `VM_DISK_REFUSED` (place, name, path) for a file of
 *   this system; `VM_DISK_SHARED` (place, name, path, other) with a machine that runs; `VM_WITHOUT_DISKS`; `FORMAT_UNSUPPORTED` for a format that is
 *   not known here; `BAD_REQUEST` where a machine is named beside something else
 */
export async function sourcesOf(
  request: Pick<CaptureRequest, 'source' | 'others' | 'format'> &
    Partial<Pick<CaptureRequest, 'live' | 'shutDown' | 'without'>>,
  mayRun: boolean,
  signal: AbortSignal,
): Promise<CaptureSources> {
  const { source, others, format, live = false, shutDown = null, without = [] } = request;
  if (live && shutDown)
    throw new EngineError('BAD_REQUEST', { path: source, reason: 'a machine is shut down, or captured while it runs' });
  const named = [source, ...others].find(isVmPlace);
  if (named === undefined && live)
    throw new EngineError('BAD_REQUEST', { path: source, reason: 'only a machine runs' });
  if (named === undefined && without.length > 0)
    throw new EngineError('BAD_REQUEST', { path: source, reason: 'only a machine has disks that can be left out' });
  if (named === undefined)
    return {
      sources: [source, ...others].map((path) => ({ path, format, bus: null, isOfMachine: false })),
      vm: null,
      isLive: false,
    };
  if (others.length > 0 || format !== null)
    throw new EngineError('BAD_REQUEST', {
      path: named,
      reason: 'a machine brings its own disks, and knows their formats',
    });
  const { hypervisor, name } = hypervisorAt(named);
  const vm = await hypervisor.show(name, signal);
  if (vm.heldBy) throw new EngineError('VM_HELD', { place: named, holder: vm.heldBy });
  const isLive = live && (vm.state === 'running' || vm.state === 'paused');
  if (vm.state !== 'off' && !isLive && !(mayRun && vm.state === 'running'))
    throw new EngineError('VM_NOT_OFF', { place: named, state: vm.state });
  const disks = chosenDisks(named, hardDisksOf(vm), without);
  if (disks.length === 0) throw new EngineError('VM_WITHOUT_DISKS', { place: named });
  if (disks.length > MAX_DISKS)
    throw new EngineError('BAD_REQUEST', { path: named, reason: `more than ${MAX_DISKS} disks` });
  const parents = await hypervisor.images?.(signal);
  const sources = disks.map((disk) => ({ ...sourceOf(named, disk), ...(parents && { parents }) }));
  const host = hostOfVmPlace(named);
  await refuseNoDisks(named, disks, host === null);
  await refuseShared(hypervisor, vm, disks, host === null, signal);
  return { sources: host ? sources.map((one, i) => remoteSource(host, vm, disks[i], one)) : sources, vm, isLive };
}

/** @param isHere paths are this machine's, and not another host's */
async function refuseNoDisks(place: string, disks: readonly VmDisk[], isHere: boolean): Promise<void> {
  for (const { name, path } of disks) {
    // what is not there is told by whoever opens it
    const real = isHere ? await realpath(path!).catch(() => path!) : path!;
    if (isSystemFile(real)) throw new EngineError('VM_DISK_REFUSED', { place, name, path: path! });
    const stats = isHere ? await stat(real).catch(() => null) : null;
    if (stats && !stats.isFile() && !stats.isBlockDevice())
      throw new EngineError('VM_DISK_NONE', { place, name, path: path! });
  }
}

/** A disk that another machine writes to is of no moment, whether or not this one is off. */
async function refuseShared(
  hypervisor: Hypervisor,
  { id, place }: Vm,
  disks: readonly VmDisk[],
  isHere: boolean,
  signal: AbortSignal,
): Promise<void> {
  const identityOf = isHere ? identityHere : (path: string) => Promise.resolve(path);
  const own = new Map<string, VmDisk>();
  for (const disk of disks) own.set(await identityOf(disk.path!), disk);
  const others = (await hypervisor.list(signal)).filter((other) => other.id !== id && other.state !== 'off');
  for (const other of others) {
    for (const { path, placed, isReadOnly } of hardDisksOf(other)) {
      if (path === null || isReadOnly || (placed !== 'file' && placed !== 'device')) continue;
      const shared = own.get(await identityOf(path));
      if (shared)
        throw new EngineError('VM_DISK_SHARED', { place, name: shared.name, path: shared.path!, other: other.place });
    }
  }
}

/**
 * All of a machine's disks but those that are left out. The one that it starts from always is among them.
 * @throws EngineError `VM_NO_SUCH_DISK` (place, name); `VM_BOOT_DISK_NEEDED` (place, name)
 */
export function chosenDisks<D extends Pick<VmDisk, 'name' | 'bootOrder'>>(
  place: string,
  disks: readonly D[],
  without: readonly string[],
): D[] {
  const unknown = without.find((name) => !disks.some((disk) => disk.name === name));
  if (unknown !== undefined) throw new EngineError('VM_NO_SUCH_DISK', { place, name: unknown });
  const boot = bootDiskOf(disks);
  if (boot && without.includes(boot.name)) throw new EngineError('VM_BOOT_DISK_NEEDED', { place, name: boot.name });
  return disks.filter(({ name }) => !without.includes(name));
}

/** Who uses each of them: that a machine that is read live uses its disks is no news. */
export async function usesAt(
  parts: EngineParts,
  { isLive }: Pick<CaptureSources, 'isLive'>,
  places: readonly PlaceView[],
): Promise<SourceUse[]> {
  if (isLive) return places.map(() => ({ device: null, refusals: [] }));
  return usesOfSources(parts.machine, places, parts.layout.root);
}

/** By whatever path one comes to it. */
async function identityHere(path: string): Promise<string> {
  const stats = await stat(path, { bigint: true }).catch(() => null);
  if (!stats) return path;
  return stats.isBlockDevice() ? `device ${stats.rdev}` : `file ${stats.dev} ${stats.ino}`;
}

/** As QEMU and libvirt call them. */
const OTHER_NAMES: Readonly<Record<string, DiskFormat>> = { vpc: 'vhd' };

/** The format is the definition's: what a guest writes to the start of a raw disk may look like another one. */
export function sourceOf(place: string, { name, placed, path, format, bus }: VmDisk): CaptureSource {
  if (placed === 'pool-down') throw new EngineError('VM_POOL_DOWN', { place, name, path: path ?? '' });
  if ((placed !== 'file' && placed !== 'device') || path === null)
    throw new EngineError('VM_DISK_ELSEWHERE', { place, name, path: path ?? '' });
  const said = format ?? 'raw';
  const known = DISK_FORMATS.find((one) => one === (OTHER_NAMES[said] ?? said));
  if (!known) throw new EngineError('FORMAT_UNSUPPORTED', { path, feature: `format ${format}` });
  return { path, format: known, bus, isOfMachine: true };
}

function remoteSource(host: SshHost, { state }: Vm, { path, placed }: VmDisk, source: CaptureSource): CaptureSource {
  const { format } = source;
  const remote = { host, path: path!, isDevice: placed === 'device', format: format!, isInUse: state !== 'off' };
  return { ...source, path: remotePath(remote), remote };
}

/** What rules and forms are to know of the machine. */
export function profileOfVm(vm: Vm): MachineProfile {
  const cut = (text: string) => text.slice(0, 200);
  return {
    name: cut(vm.name).slice(0, 128) || vm.id,
    recordedAt: new Date().toISOString(),
    maker: vm.hypervisor,
    product: vm.machineType && cut(vm.machineType),
    boardMaker: null,
    board: null,
    firmware: vm.firmware,
    isVirtual: true,
    processor: null,
    cores: vm.processors !== null && vm.processors <= 100_000 ? vm.processors : null,
    memoryBytes: vm.memoryBytes,
    drives: null,
    arrays: null,
    hasTpm: vm.hasTpm,
    graphics: null,
    networks: vm.networks.map(({ mac, model, to }) => ({
      name: cut(to ?? model ?? ''),
      mac: cut(mac ?? ''),
      isPhysical: true,
      isPublic: null,
    })),
  };
}
