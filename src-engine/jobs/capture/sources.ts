/** What a capture reads: the disks that were named, or those of a virtual machine, with what its hypervisor says of each. */
import type { CheckedParams } from '../../contract/commands.ts';
import { DISK_FORMATS, type DiskFormat, type PlaceView } from '../../contract/disk.contract.ts';
import type { MachineProfile } from '../../contract/machine.contract.ts';
import { hardDisksOf, isVmPlace, type Vm, type VmDisk } from '../../contract/vm.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import { usesOfSources, type SourceUse } from '../../judgement/source-checks.ts';
import { vmAt } from '../../machines/hypervisors/hypervisors.ts';
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
 * @throws EngineError `VM_NOT_FOUND`, `HYPERVISOR_MISSING`, `HYPERVISOR_UNREACHABLE`; `VM_NOT_OFF` (place, state); `VM_DISK_ELSEWHERE` (place,
 *   name, path) for a disk that only the hypervisor reaches; `VM_WITHOUT_DISKS`; `FORMAT_UNSUPPORTED` for a format that is not known here;
 *   `BAD_REQUEST` where a machine is named beside something else
 */
export async function sourcesOf(
  request: Pick<CaptureRequest, 'source' | 'others' | 'format'> &
    Partial<Pick<CaptureRequest, 'live' | 'trackChanges'>>,
  signal: AbortSignal,
): Promise<CaptureSources> {
  const { source, others, format, live = false, trackChanges = false } = request;
  const named = [source, ...others].find(isVmPlace);
  if (trackChanges && !live) throw new EngineError('BAD_REQUEST', { path: source, reason: 'changes are tracked live' });
  if (named === undefined && live)
    throw new EngineError('BAD_REQUEST', { path: source, reason: 'only a machine runs' });
  if (named === undefined)
    return { sources: [source, ...others].map((path) => ({ path, format, bus: null })), vm: null, isLive: false };
  if (others.length > 0 || format !== null)
    throw new EngineError('BAD_REQUEST', {
      path: named,
      reason: 'a machine brings its own disks, and knows their formats',
    });
  const vm = await vmAt(named, signal);
  const isLive = live && (vm.state === 'running' || vm.state === 'paused');
  if (vm.state !== 'off' && !isLive) throw new EngineError('VM_NOT_OFF', { place: named, state: vm.state });
  const disks = hardDisksOf(vm);
  if (disks.length === 0) throw new EngineError('VM_WITHOUT_DISKS', { place: named });
  if (disks.length > MAX_DISKS)
    throw new EngineError('BAD_REQUEST', { path: named, reason: `more than ${MAX_DISKS} disks` });
  return { sources: disks.map((disk) => sourceOf(named, disk)), vm, isLive };
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

/** As QEMU and libvirt call them. */
const OTHER_NAMES: Readonly<Record<string, DiskFormat>> = { vpc: 'vhd' };

/** The format is the definition's: what a guest writes to the start of a raw disk may look like another one. */
export function sourceOf(place: string, { name, placed, path, format, bus }: VmDisk): CaptureSource {
  if ((placed !== 'file' && placed !== 'device') || path === null)
    throw new EngineError('VM_DISK_ELSEWHERE', { place, name, path: path ?? '' });
  const said = format ?? 'raw';
  const known = DISK_FORMATS.find((one) => one === (OTHER_NAMES[said] ?? said));
  if (!known) throw new EngineError('FORMAT_UNSUPPORTED', { path, feature: `format ${format}` });
  return { path, format: known, bus };
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
