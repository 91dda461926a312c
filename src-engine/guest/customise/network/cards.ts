/** Which card a setting means, in a guest whose cards nobody knows before it runs. */
import type { NetworkCard } from '../../../contract/deploy.contract.ts';
import { CannotChange } from '../cannot-change.ts';
import type { GuestDraft } from '../draft.ts';
import type { Traits } from '../traits.ts';

export type CardMatch =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'mac'; readonly mac: string }
  /** the one Ethernet card of a machine that has no other */
  | { readonly kind: 'only' }
  /** by its place among the Ethernet cards, for systems that count them themselves */
  | { readonly kind: 'nth'; readonly place: number };

export interface Card {
  readonly setting: NetworkCard;
  readonly match: CardMatch;
  /** for names of files and connections: letters, digits, dashes */
  readonly id: string;
}

/** What a system of the network can do, and what it has recorded. */
export interface CardAbilities {
  readonly canMatchMac: boolean;
  readonly canMatchOnly: boolean;
  readonly canCount: boolean;
  /** names of Ethernet cards in its files, in their order */
  readonly recorded: readonly string[];
}

/** Ethernet cards, by the names that kernels and udev give them: eth0, ens3, enp1s0, eno1, em1, p1p1. */
export const isEthernetName = (name: string): boolean =>
  /^(?:e(?:th|n|m)[a-z]?\d|en[a-z0-9]|p\d+p\d)/.test(name) && !/[.:]/.test(name);

/** @throws CannotChange */
export async function matchCard(
  draft: GuestDraft,
  traits: Traits,
  abilities: CardAbilities,
  setting: NetworkCard,
  all: readonly NetworkCard[],
): Promise<Card> {
  const { card } = setting;
  const id = `diskpress-${card.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
  if (card.includes(':')) {
    if (!abilities.canMatchMac) throw new CannotChange('card-not-by-mac', { card });
    return { setting, id, match: { kind: 'mac', mac: card.toLowerCase() } };
  }
  if (!/^\d+$/.test(card)) return { setting, id, match: { kind: 'name', name: card } };
  const place = Number(card);
  if (place < 1 || place > 64) throw new CannotChange('card-place', { card });
  if (abilities.canCount) return { setting, id, match: { kind: 'nth', place } };
  if (await hasClassicNames(draft, traits)) return { setting, id, match: { kind: 'name', name: `eth${place - 1}` } };
  if (place === 1 && all.length === 1 && abilities.canMatchOnly) return { setting, id, match: { kind: 'only' } };
  const name = abilities.recorded.at(place - 1);
  if (place > abilities.recorded.length || name === undefined) throw new CannotChange('card-order-unknown', { card });
  return { setting, id, match: { kind: 'name', name } };
}

/** eth0 and so on: kernels before predictable names, systems without udev's rules, and where they are turned off. */
async function hasClassicNames(draft: GuestDraft, traits: Traits): Promise<boolean> {
  if (traits.isOldRedHat || traits.init !== 'systemd') return true;
  for (const path of ['/etc/default/grub', '/etc/kernel/cmdline', '/boot/grub/grub.cfg', '/boot/grub2/grub.cfg']) {
    if (/\bnet\.ifnames=0\b/.test((await draft.glance(path)) ?? '')) return true;
  }
  return (await draft.files.linkTarget('/etc/systemd/network/99-default.link')) === '/dev/null';
}

/**
 * What is recorded of cards that are set anew must not come into their way. A card that is not given by its name may be any: all that are
 * recorded are meant, unless more are recorded than set.
 */
export function isReplaced(name: string, cards: readonly Card[], recorded: readonly string[]): boolean {
  const named = cards.flatMap(({ match }) => (match.kind === 'name' ? [match.name] : []));
  const base = name.replace(/:.*$/, '');
  if (named.includes(base)) return true;
  const looseCount = cards.length - named.length;
  const others = recorded.filter((one) => !named.includes(one));
  return isEthernetName(base) && looseCount > 0 && others.length <= looseCount;
}

/** @param cidr `192.0.2.1/24` */
export function splitCidr(cidr: string): { address: string; prefix: number } {
  const [address, prefix] = cidr.split('/');
  return { address, prefix: Number(prefix) };
}

export function netmaskOf(prefix: number): string {
  const bits = prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}
