/** What a person says of a deploy: the template, which of its disks, and a target for each. All that is said of one target stands in its row. */
import {
  isDevicePath,
  type BootChoice,
  type CommandParams,
  type CommandResult,
  type GuestSettings,
  type VolumeChoice,
} from '../../../src-engine/contract/index.ts';
import { groupNamesSaid, newInside, type InsideForm } from './inside/inside-form.ts';
import { newVm, vmSaid, type NewVmForm } from './new-vm-form.ts';
import { parseBytes } from '../../../src-engine/words/sizes.ts';

export interface Target {
  readonly id: number;
  /** the disk that goes there, from 1 */
  readonly disk: number;
  to: 'device' | 'file' | 'vm';
  path: string;
  /** length of a new file as it was typed; '': the disk's own */
  size: string;
  /** of a virtual machine that is to be made */
  vm: NewVmForm;
  /** what a table says of this machine alone */
  own?: Partial<GuestSettings>;
}

export interface DeployForm {
  template: string;
  /** null: the newest */
  version: number | null;
  /** the one of several disks that is written alone, from 1; 0: all of them, each to a target of its own */
  disk: number;
  targets: Target[];
  /** the bytes as captured: nothing that follows counts */
  isExact: boolean;
  /** what becomes of volumes, by the number of their disk */
  volumes: Map<number, VolumeChoice[]>;
  inside: InsideForm;
}

/** More targets than one engine takes at once are no plan. */
export const MOST_TARGETS = 64;

let lastId = 0;
const emptyTarget = (disk: number): Target => ({ id: ++lastId, disk, to: 'device', path: '', size: '', vm: newVm() });

/** Nothing said yet but what the page's address says. */
export function formOf(query: Record<string, unknown>): DeployForm {
  const path = String(query['target'] ?? '');
  const to = path === '' || isDevicePath(path) ? ('device' as const) : ('file' as const);
  return {
    template: String(query['template'] ?? ''),
    version: Number(query['version']) || null,
    disk: 0,
    targets: [{ ...emptyTarget(1), path, to }],
    isExact: false,
    volumes: new Map(),
    inside: newInside(),
  };
}

/** A deploy as it was chosen before; what is secret or large is not in it. */
export type DeployDraft = Omit<DeployForm, 'volumes'> & { volumes: [number, VolumeChoice[]][]; isWhole: boolean };

/** @returns a draft without passwords, keys and files: where there are any, the inside begins anew */
export function draftOf({ volumes, inside, ...form }: DeployForm): DeployDraft {
  const isWhole = inside.users.length + inside.files.length + inside.firstBoot.length === 0;
  return { ...form, volumes: [...volumes], inside: isWhole ? inside : newInside(), isWhole };
}

/** What a draft says, with the ids of its targets taken. */
export function resumed({ volumes = [], isWhole: _, ...draft }: Partial<DeployDraft>): Partial<DeployForm> {
  lastId = Math.max(lastId, ...(draft.targets ?? []).map(({ id }) => id));
  return { ...draft, volumes: new Map(volumes) };
}

/** The disks that are written, by their numbers, in the order of their targets. */
export const disksWritten = ({ disk }: Pick<DeployForm, 'disk'>, diskCount: number): number[] =>
  disk > 0 ? [disk] : Array.from({ length: Math.max(1, diskCount) }, (_, i) => i + 1);

/** Targets for other disks than those that there are targets for: only what is said of a single one is kept. */
export function targetsFor({ targets }: Pick<DeployForm, 'targets'>, disks: readonly number[]): Target[] {
  const [first] = targets;
  return disks.map((disk, i) => {
    const { to, path, size, vm } = i === 0 && targets.length === 1 ? first : emptyTarget(disk);
    // a machine is made of a template of one disk here
    if (to === 'vm' && disks.length > 1) return emptyTarget(disk);
    return { ...emptyTarget(disk), to, path, size, vm };
  });
}

/** Targets of a table: what a row says beside its place is its machine's alone. */
export const targetsOfTable = (rows: CommandResult<'settings.read'>, disk: number): Target[] =>
  rows.map(({ target: path, settings }) => ({
    ...emptyTarget(disk),
    path,
    to: isDevicePath(path) ? 'device' : 'file',
    own: settings,
  }));

/** A further target, or for each of several disks one: another machine. */
export const moreTargets = (disks: readonly number[]): Target[] => disks.map(emptyTarget);

/** @returns bytes; undefined: nothing is said; null: it is no size */
export const sizeOf = ({ size }: Pick<Target, 'size'>): number | null | undefined =>
  size.trim() ? parseBytes(size) : undefined;

/** The place in the list of an earlier target at the same path, or -1. Other names of the same place are told by the engine. */
export function twiceAt(targets: readonly Target[], place: number): number {
  const { path } = targets[place];
  const first = targets.findIndex((one) => one.path === path);
  return path !== '' && first < place ? first : -1;
}

/** What else is said of a target's machine. */
interface Besides {
  /** left out: none are other than in the template */
  readonly settings?: GuestSettings;
  /** how it is started at the end; null or left out: it is not */
  readonly proof?: Partial<BootChoice> | null;
}

/**
 * What is planned for one target.
 * @param template as commands name it; null: none is chosen
 * @returns null as long as something is missing or cannot be
 */
export function requestFor(
  template: string | null,
  form: Omit<DeployForm, 'template' | 'version' | 'disk'>,
  place: number,
  diskCount: number,
  { settings, proof }: Besides = {},
): CommandParams<'deploy.plan'> | null {
  const { targets } = form;
  const target = targets[place];
  const lengthBytes = sizeOf(target);
  if (template === null || target.path === '' || lengthBytes === null || twiceAt(targets, place) >= 0) return null;
  const machine = target.to === 'vm' ? vmSaid(target.vm) : null;
  if (machine && machine.faults.size > 0) return null;
  const length = target.to === 'file' && lengthBytes !== undefined ? { lengthBytes } : {};
  const which = diskCount > 1 ? { disk: target.disk } : {};
  const changes = changesFor(form, target, settings);
  return {
    template,
    target: target.path,
    ...which,
    ...length,
    ...changes,
    ...madeOf(target, machine),
    ...(proof && { bootProof: proof }),
  };
}

const madeOf = ({ vm: { format } }: Target, machine: ReturnType<typeof vmSaid> | null) =>
  machine ? { vm: machine.vm, ...(!machine.vm.overTemplate && { diskFormat: format }) } : {};

/** What is to be other on a target than in the template. */
function changesFor(
  { isExact, volumes, inside }: Pick<DeployForm, 'isExact' | 'volumes' | 'inside'>,
  { disk }: Target,
  settings: GuestSettings | undefined,
) {
  if (isExact) return { exact: true };
  const choices = volumes.get(disk) ?? [];
  const groupNames = groupNamesSaid(inside);
  return {
    ...(choices.length > 0 && { volumes: choices }),
    ...(inside.identity !== 'auto' && { identity: inside.identity }),
    ...(inside.identity !== 'keep' && inside.keep.length > 0 && { keep: inside.keep }),
    ...(groupNames.length > 0 && { groupNames }),
    ...(settings && { settings }),
    ...(inside.virtioDrivers !== '' && { virtioDrivers: inside.virtioDrivers }),
  };
}
