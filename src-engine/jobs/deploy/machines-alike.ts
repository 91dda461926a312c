/** What several machines of one deploy would have in common although it is to tell them apart. */
import {
  GuestSettingsSchema,
  type GuestSettings,
  type NetworkCard,
  type RecordedSettings,
} from '../../contract/deploy.contract.ts';
import type { CheckedParams } from '../../contract/commands.ts';
import type { DeployPlan } from '../../contract/plan.contract.ts';
import type { StoredParts } from '../../versions/stored-parts.ts';
import type { Check } from '../../contract/warnings.ts';

/**
 * @param machines what each is given
 * @returns for each machine what is to be said: nothing where it shares neither its name nor an address
 */
export function alikeChecks(machines: readonly (GuestSettings | undefined)[]): Check[][] {
  const values = machines.map((settings) => [...new Set(settings ? valuesOf(settings) : [])]);
  const all = values.flat();
  return values.map((own) => {
    const shared = own.filter((value) => all.indexOf(value) !== all.lastIndexOf(value));
    return shared.length > 0 ? [{ code: 'MACHINES_ALIKE', level: 'warn', data: { values: shared } }] : [];
  });
}

/** Names that no machine is reached by. */
const NOBODYS = /^localhost(?:\.|$)/i;

/**
 * Says so, too, where machines have in common what they were captured with, since nothing else was asked for: a name, an address.
 * @param asked settings of each target @param plans of the same, each machine's disks one after the other
 * @param disksEach how many disks a machine gets
 */
export function withCapturedAlike(
  asked: readonly (GuestSettings | undefined)[],
  plans: readonly DeployPlan[],
  disksEach: number,
): DeployPlan[] {
  const machines = Array.from({ length: plans.length / disksEach }, (_, machine) => {
    const disks = plans.slice(machine * disksEach, (machine + 1) * disksEach);
    // two halves of a mirror say the same of one machine
    const recorded = disks.find((plan) => plan.recorded !== null)?.recorded ?? null;
    return settingsOf(asked[machine * disksEach], recorded);
  });
  const alike = alikeChecks(machines);
  return plans.map((plan, i) => {
    const checks = alike[Math.floor(i / disksEach)];
    if (checks.length === 0) return plan;
    // it names what is asked for as well
    return { ...plan, checks: [...plan.checks.filter(({ code }) => code !== 'MACHINES_ALIKE'), ...checks] };
  });
}

/** What a machine goes on with. @param recorded of the disk with its system; null: it has none, or is not looked at */
function settingsOf(asked: GuestSettings | undefined, recorded: RecordedSettings | null): GuestSettings | undefined {
  if (!recorded) return undefined;
  const settings = asked ?? GuestSettingsSchema.parse({});
  const hostname = settings.hostname ?? recorded.hostname;
  const hasName = hostname !== '' && !NOBODYS.test(hostname);
  const hasDomain = hostname.includes('.') || recorded.domain === '';
  return {
    ...settings,
    hostname: hasName ? hostname : undefined,
    domain: settings.domain ?? (hasDomain ? undefined : recorded.domain),
    network: settings.network.length > 0 ? settings.network : recorded.network,
  };
}

/**
 * Several machines of one system that keep what tells machines apart: told once, by the first plan.
 * @param plans of all targets, each machine's disks one after the other
 */
export function withTwins(
  { templates }: Pick<StoredParts, 'templates'>,
  { template, disk }: Pick<CheckedParams<'deploy.planAll'>, 'template' | 'disk'>,
  plans: readonly DeployPlan[],
): DeployPlan[] {
  const { version } = templates.find(template);
  const disksEach = version.disks.length;
  // one disk of several may well be without a system
  if (disk !== undefined && disksEach > 1) return [...plans];
  const machines = Array.from({ length: plans.length / disksEach }, (_, i) =>
    plans.slice(i * disksEach, (i + 1) * disksEach),
  );
  const kept = machines.filter((disks) =>
    disks.every(({ guestChanges }) => guestChanges.every(({ reason }) => reason !== 'machine-id')),
  );
  const isLinux = version.guest?.family.value === 'linux';
  const [first] = kept.flat();
  if (!isLinux || kept.length < 2) return [...plans];
  const check: Check = { code: 'MACHINES_TWINS', level: 'warn', data: { count: kept.length } };
  return plans.map((plan) => (plan === first ? { ...plan, checks: [...plan.checks, check] } : plan));
}

function valuesOf({ hostname, domain, network }: GuestSettings): string[] {
  const name = hostname === undefined ? [] : [[hostname, domain].filter(Boolean).join('.').toLowerCase()];
  return [...name, ...network.flatMap(addressesOf)];
}

const addressesOf = ({ ipv4, ipv6 }: NetworkCard): string[] =>
  [ipv4, ipv6].flatMap((protocol) =>
    typeof protocol === 'string' ? [] : protocol.addresses.map((cidr) => cidr.split('/')[0].toLowerCase()),
  );
