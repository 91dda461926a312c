/** Settings for several machines: names that count, addresses that count up, and what one of them has for itself. */
import { isIPv4, isIPv6 } from 'node:net';
import {
  countedName,
  GuestSettingsSchema,
  HostNameSchema,
  type GuestSettings,
  type NetworkCard,
  type SeveralSettings,
} from '../../contract/deploy.contract.ts';
import { EngineError } from '../../core/engine-error.ts';

/**
 * @param own of this machine alone: as they are, nothing of them counts
 * @param number of the machine among all, from 1
 * @throws EngineError `BAD_REQUEST` where an address leaves its network, or a name comes to be none
 */
export function settingsFor(
  shared: SeveralSettings | undefined,
  own: Partial<GuestSettings> | undefined,
  number: number,
): GuestSettings | undefined {
  if (!shared && !own) return undefined;
  const { hostname, network = [], ...rest } = shared ?? {};
  return GuestSettingsSchema.parse({
    ...rest,
    ...(hostname !== undefined && { hostname: nameOf(hostname, number) }),
    network: network.map((card) => countedCard(card, number)),
    ...Object.fromEntries(Object.entries(own ?? {}).filter(([, value]) => !isNothing(value))),
  });
}

/** A row that says nothing of a list leaves it as all have it. */
export const isNothing = (value: unknown) => value === undefined || (Array.isArray(value) && value.length === 0);

function nameOf(pattern: string, number: number): string {
  const name = countedName(pattern, number);
  if (!HostNameSchema.safeParse(name).success) throw new EngineError('BAD_REQUEST', { reason: `hostname ${name}` });
  return name;
}

function countedCard(card: NetworkCard, number: number): NetworkCard {
  const { ipv4, ipv6 } = card;
  const counted = (addresses: readonly string[]) => addresses.map((address) => countedAddress(address, number - 1));
  return {
    ...card,
    ipv4: typeof ipv4 === 'string' ? ipv4 : { ...ipv4, addresses: counted(ipv4.addresses) },
    ipv6: typeof ipv6 === 'string' ? ipv6 : { ...ipv6, addresses: counted(ipv6.addresses) },
  };
}

/** @param cidr `192.0.2.10/24` @throws EngineError `BAD_REQUEST` for an address that is outside of its network, or its broadcast's */
function countedAddress(cidr: string, steps: number): string {
  const [address, prefix] = cidr.split('/');
  const bits = isIPv4(address) ? 32 : 128;
  const first = isIPv4(address) ? fromIPv4(address) : fromIPv6(address);
  const counted = first + BigInt(steps);
  const hostBits = BigInt(bits - Number(prefix));
  const isInside = first >> hostBits === counted >> hostBits;
  const hosts = (1n << hostBits) - 1n;
  // of networks of two addresses and of one, all are machines'
  const isBroadcast = bits === 32 && hostBits > 1n && steps > 0 && (counted & hosts) === hosts;
  if (!isInside || isBroadcast) {
    throw new EngineError('BAD_REQUEST', { reason: `${cidr}: no ${steps + 1} addresses from there in its network` });
  }
  return `${bits === 32 ? toIPv4(counted) : toIPv6(counted)}/${prefix}`;
}

const fromIPv4 = (address: string): bigint => address.split('.').reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

const toIPv4 = (address: bigint): string => [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 255n).join('.');

/** RFC 4291, section 2.2. */
function fromIPv6(address: string): bigint {
  const plain = address.replace(/\d+\.\d+\.\d+\.\d+$/, (last) => {
    const value = isIPv4(last) ? fromIPv4(last) : 0n;
    return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
  });
  const [head, tail] = plain.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...(tail ?? [])].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** RFC 5952: the longest run of zeros becomes `::`. */
function toIPv6(address: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => (address >> BigInt(16 * (7 - i))) & 0xffffn);
  const text = groups.map((group) => group.toString(16)).join(':');
  const runs = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort((a, b) => b[0].length - a[0].length);
  if (runs.length === 0 || !isIPv6(text)) return text;
  const [{ 0: run, index }] = runs;
  return `${text.slice(0, index)}::${text.slice(index + run.length).replace(/^:/, '')}`;
}
