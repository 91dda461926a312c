/** The facts that rules read, put together from what jobs know: the places, the machine, the guest, the template. */
import type { Guest } from '../contract/guest.contract.ts';
import type { MachineProfile } from '../contract/machine.contract.ts';
import type { FactValue } from '../contract/report.contract.ts';
import type { TemplateView } from '../contract/template.contract.ts';
import { guestFacts } from '../guest/guest-facts.ts';
import { machineFacts } from '../machines/profile/profile.ts';
import type { Fact, Facts } from '../policies/facts.ts';
import type { Platform } from './platform.ts';

type TemplateFields = Pick<TemplateView, 'status' | 'visibility' | 'licence'>;

export interface CaptureSubject {
  readonly path: string;
  /** of its largest disk */
  readonly lengthBytes: number;
  /** how many disks it has; 1 where it is not said */
  readonly disks?: number;
  readonly platform: Platform;
  /** nobody writes to it */
  readonly isOffline: boolean;
  readonly isFile: boolean;
  readonly guest: Guest;
  /** the machine that it belongs to */
  readonly machine: MachineProfile | null;
  /** what the template is, or will begin as */
  readonly template: TemplateFields;
}

export interface DeploySubject {
  readonly template: TemplateFields & { readonly name: string };
  /** of its largest disk */
  readonly capacityBytes: number;
  /** how many disks it has; 1 where it is not said */
  readonly disks?: number;
  /** of what it was captured from; null: it was not written down */
  readonly sourcePlatform: Platform['value'] | null;
  readonly guest: Guest;
  /** the machine that it is for */
  readonly machine: MachineProfile | null;
  /** null: no target was named */
  readonly target: { readonly path: string; readonly platform: Platform; readonly isAgain: boolean } | null;
}

const CATALOG = 'catalog';
const PLAN = 'plan';

export function captureFacts(subject: CaptureSubject): Facts {
  const { path, machine, isFile } = subject;
  const { disks = 1 } = subject;
  const drives = machine ? drivesOf(machine) : { count: isFile ? disks : null, largestBytes: 0 };
  const largest = Math.max(subject.lengthBytes, drives.largestBytes);
  return {
    ...commonFacts(subject.guest, machine, subject.template),
    'source.platform': subject.platform,
    'source.isOffline': { value: subject.isOffline, origin: path },
    'disk.count': { value: drives.count, origin: machine ? profileOrigin(machine) : path },
    'disk.largestBytes': { value: largest, origin: largest > subject.lengthBytes ? profileOrigin(machine) : path },
  };
}

export function deployFacts(subject: DeploySubject): Facts {
  const { template, machine, target, capacityBytes, disks = 1 } = subject;
  const drives = machine ? drivesOf(machine) : { count: disks, largestBytes: 0 };
  const largest = Math.max(capacityBytes, drives.largestBytes);
  const origin = machine ? profileOrigin(machine) : template.name;
  return {
    ...commonFacts(subject.guest, machine, template),
    'source.platform': { value: subject.sourcePlatform, origin: template.name },
    'target.platform': target?.platform ?? {
      value: machine?.isVirtual === undefined || machine.isVirtual === null ? null : nameOf(machine.isVirtual),
      origin: profileOrigin(machine),
    },
    'disk.count': { value: drives.count, origin },
    'disk.largestBytes': { value: largest, origin: largest > capacityBytes ? origin : template.name },
    // volumes are deployed as they were captured
    'deploy.layout': { value: 'template', origin: PLAN },
    'deploy.isAgain': { value: target?.isAgain ?? false, origin: 'audit log' },
  };
}

const nameOf = (isVirtual: boolean) => (isVirtual ? 'virtual' : 'physical');

function commonFacts(guest: Guest, machine: MachineProfile | null, template: TemplateFields): Facts {
  const today = new Date().toISOString().slice(0, 10);
  return {
    ...(guestFacts(guest, today) as Facts),
    ...(machine ? prefixed('machine', machineFacts(machine), profileOrigin(machine)) : {}),
    ...prefixed('template', { ...template }, CATALOG),
  };
}

function prefixed(prefix: string, values: Record<string, FactValue | null>, origin: string): Facts {
  const facts = Object.entries(values).map(([key, value]): [string, Fact] => [`${prefix}.${key}`, { value, origin }]);
  return Object.fromEntries(facts);
}

function profileOrigin(machine: MachineProfile | null): string {
  return machine ? `${machine.name}, ${machine.recordedAt.slice(0, 10)}` : '';
}

/** What a system there sees as disks: its arrays, and its drives in none. */
function drivesOf({ drives, arrays }: MachineProfile) {
  const fixed = drives?.filter(({ isRemovable }) => !isRemovable) ?? [];
  const members = arrays?.reduce((sum, array) => sum + array.members.length, 0) ?? 0;
  return {
    count: drives && arrays ? arrays.length + Math.max(0, fixed.length - members) : null,
    largestBytes: Math.max(0, ...fixed.map(({ lengthBytes }) => lengthBytes)),
  };
}
