/** `eth0=dhcp`, `1=192.0.2.10/24,gateway=192.0.2.1,dns=192.0.2.53`: a card and what it gets. */
import { isIPv4 } from 'node:net';
import { NetworkCardSchema, type NetworkCard } from '../contract/deploy.contract.ts';

/** @returns null where it is none */
export function networkCard(text: string): NetworkCard | null {
  const [, card, list] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (card === undefined) return null;
  const words = list.split(',').map((word) => word.trim());
  const values = (name: string) =>
    words.filter((word) => word.startsWith(`${name}=`)).map((word) => word.slice(name.length + 1));
  const addresses = words.filter((word) => /\/\d+$/.test(word));
  const [v4, v6] = [true, false].map((is4) => addresses.filter((one) => isIPv4(one.split('/')[0]) === is4));
  const gateways = values('gateway');
  const gateway = (is4: boolean) => gateways.find((one) => isIPv4(one) === is4);
  const known = words.filter(
    (word) => word === 'dhcp' || addresses.includes(word) || /^(gateway|dns|search)=/.test(word),
  );
  const isWhole = known.length === words.length && (addresses.length > 0 || words.includes('dhcp'));
  const isDhcp = words.includes('dhcp');
  const parsed = NetworkCardSchema.safeParse({
    card: card.trim(),
    ipv4: v4.length > 0 ? { addresses: v4, gateway: gateway(true) } : isDhcp ? 'dhcp' : 'none',
    ipv6: v6.length > 0 ? { addresses: v6, gateway: gateway(false) } : 'auto',
    dns: values('dns'),
    searchDomains: values('search'),
  });
  const isContradiction = isDhcp && (v4.length > 0 || gateway(true) !== undefined);
  return parsed.success && isWhole && !isContradiction ? parsed.data : null;
}
