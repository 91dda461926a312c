/** Networks that would most likely not work: addresses that no machine has, gateways out of reach, cards that the guest has not. Told, not refused. */
import { BlockList, isIPv4 } from 'node:net';
import type { NetworkCard } from '../../contract/deploy.contract.ts';
import type { Check } from '../../contract/warnings.ts';

/** IANA's special-purpose registries: what names no single machine on a network. */
const NO_MACHINES = new BlockList();
NO_MACHINES.addSubnet('0.0.0.0', 8, 'ipv4');
NO_MACHINES.addSubnet('127.0.0.0', 8, 'ipv4');
NO_MACHINES.addSubnet('224.0.0.0', 3, 'ipv4');
NO_MACHINES.addRange('::', '::1', 'ipv6');
NO_MACHINES.addSubnet('ff00::', 8, 'ipv6');

const MAC = /^[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}$/;

/**
 * @param cards of one machine, as it will have them
 * @param recorded those that the guest has set up; what it has not set up may be there all the same
 */
export function networkChecks(cards: readonly NetworkCard[], recorded: readonly NetworkCard[]): Check[] {
  return cards.flatMap((card) => [
    ...[card.ipv4, card.ipv6].flatMap((protocol) =>
      typeof protocol === 'string' ? [] : protocolChecks(card.card, protocol),
    ),
    ...cardChecks(card.card, recorded),
  ]);
}

function protocolChecks(
  card: string,
  { addresses, gateway }: { readonly addresses: readonly string[]; readonly gateway?: string },
): Check[] {
  const warn = (code: Check['code'], data: Check['data']): Check => ({ code, level: 'warn', data: { card, ...data } });
  const impossible = addresses.filter((cidr) => isNoMachines(...splitCidr(cidr)));
  const checks = impossible.map((address) => warn('ADDRESS_NO_MACHINES', { address }));
  if (gateway === undefined) return checks;
  const nets = addresses.map(splitCidr);
  const own = nets.some(([address]) => isSame(address, gateway));
  const near = nets.find(([address, prefix]) => isWithin(gateway, address, prefix));
  if (own) return [...checks, warn('GATEWAY_IS_ITSELF', { gateway })];
  // where no router is in the prefix, one may be on the wire: fe80:: always is
  if (!near && !isWithin(gateway, 'fe80::', 10))
    return [...checks, warn('GATEWAY_OUTSIDE', { gateway, addresses: [...addresses] })];
  return near && isNoMachines(gateway, near[1])
    ? [...checks, warn('ADDRESS_NO_MACHINES', { address: gateway })]
    : checks;
}

/** Cards are set up by name or place; by MAC address a card is meant that the new machine brings. */
function cardChecks(card: string, recorded: readonly NetworkCard[]): Check[] {
  const names = recorded.map((one) => one.card);
  if (names.length === 0 || MAC.test(card) || names.some((name) => MAC.test(name))) return [];
  const isThere = /^\d+$/.test(card) ? Number(card) <= names.length : names.includes(card);
  return isThere ? [] : [{ code: 'CARD_NOT_RECORDED', level: 'warn', data: { card, cards: names } }];
}

function splitCidr(cidr: string): [string, number] {
  const [address, prefix] = cidr.split('/');
  return [address, Number(prefix)];
}

/** The first and the last of a network are its own and its broadcast's; RFC 3021: not of two, nor of one. IPv6 has no broadcast. */
function isNoMachines(address: string, prefix: number): boolean {
  if (NO_MACHINES.check(address, family(address))) return true;
  if (!isIPv4(address) || prefix > 30) return false;
  const value = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const count = 2 ** (32 - prefix);
  return value % count === 0 || value % count === count - 1;
}

function isWithin(address: string, network: string, prefix: number): boolean {
  if (family(address) !== family(network)) return false;
  const list = new BlockList();
  list.addSubnet(network, prefix, family(network));
  return list.check(address, family(address));
}

const isSame = (one: string, other: string) => isWithin(one, other, isIPv4(other) ? 32 : 128);

const family = (address: string) => (isIPv4(address) ? 'ipv4' : 'ipv6');
