/** What several machines of one deploy would have in common although it is to tell them apart. */
import type { GuestSettings, NetworkCard } from '../../contract/deploy.contract.ts';
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

function valuesOf({ hostname, domain, network }: GuestSettings): string[] {
  const name = hostname === undefined ? [] : [[hostname, domain].filter(Boolean).join('.').toLowerCase()];
  return [...name, ...network.flatMap(addressesOf)];
}

const addressesOf = ({ ipv4, ipv6 }: NetworkCard): string[] =>
  [ipv4, ipv6].flatMap((protocol) =>
    typeof protocol === 'string' ? [] : protocol.addresses.map((cidr) => cidr.split('/')[0].toLowerCase()),
  );
