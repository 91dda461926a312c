/** netplan: a file of its own, and what others say of the same cards taken out of them. */
import { isMap } from 'yaml';
import { ROOT, shown, type GuestDraft } from '../draft.ts';
import { keyOf, pairAt, parseYamlMap, scalarAt, withoutKeys, withoutPair } from '../yaml-edit.ts';
import { isEthernetName, isReplaced, type Card, type CardAbilities } from './cards.ts';

const FOLDER = '/etc/netplan';
const PATH = `${FOLDER}/90-diskpress.yaml`;

/** One card as a file of netplan has it. */
export interface NetplanCard {
  readonly path: string;
  readonly id: string;
  readonly mac: string;
  readonly setName: string;
  /** what it matches by name */
  readonly matchName: string;
  /** how many conditions it has */
  readonly conditions: number;
}

/** @throws CannotChange where one of the files cannot be read */
export async function netplanCards(draft: GuestDraft): Promise<NetplanCard[]> {
  const cards: NetplanCard[] = [];
  for (const name of (await draft.names(FOLDER)).filter((one) => /\.yaml$/.test(one))) {
    const path = `${FOLDER}/${name}`;
    const top = parseYamlMap(shown(path), (await draft.text(path)) ?? '');
    const ethernets = pairAt(top, ['network', 'ethernets'])?.value;
    if (!isMap(ethernets)) continue;
    for (const pair of ethernets.items) {
      const id = keyOf(pair);
      const own = isMap(pair.value) ? pair.value : null;
      const match = pairAt(own, ['match'])?.value;
      cards.push({
        path,
        id,
        mac: scalarAt(own, ['match', 'macaddress']).toLowerCase(),
        setName: scalarAt(own, ['set-name']),
        matchName: scalarAt(own, ['match', 'name']),
        conditions: isMap(match) ? match.items.length : 0,
      });
    }
  }
  return cards;
}

/** The name that a card will have, as far as its entry tells. */
const nameOf = ({ id, setName, matchName, conditions }: NetplanCard) =>
  setName || matchName || (conditions === 0 ? id : '');

export async function netplanAbilities(draft: GuestDraft): Promise<CardAbilities> {
  const recorded = (await netplanCards(draft)).map(nameOf).filter(isEthernetName);
  return { canMatchMac: true, canMatchOnly: true, canCount: false, recorded: [...new Set(recorded)] };
}

/** What says how a card is addressed; its other properties stay where they are. */
const ADDRESSING = [
  'addresses',
  'dhcp4',
  'dhcp6',
  'dhcp4-overrides',
  'dhcp6-overrides',
  'dhcp-identifier',
  'gateway4',
  'gateway6',
  'nameservers',
  'routes',
  'routing-policy',
  'accept-ra',
  'link-local',
  'ipv6-address-generation',
  'ipv6-address-token',
  'ipv6-privacy',
  'optional-addresses',
  'activation-mode',
];

/** Lists that two files have for one card are joined, so what others say of its addresses goes. */
export async function writeNetplan(
  draft: GuestDraft,
  cards: readonly Card[],
  { recorded }: CardAbilities,
): Promise<string[]> {
  const paths = new Set([PATH]);
  const ids = new Map<Card, string>();
  const there = (await netplanCards(draft)).filter(({ path }) => path !== PATH);
  // of those that an entry has been found for nothing else can be meant
  const loose = cards.filter(({ match }) => match.kind === 'name' || !there.some((old) => isSame(match, old)));
  for (const old of there) {
    const card = cards.find(({ match }) => isSame(match, old));
    if (!card && !isInTheWay(old, loose, recorded)) continue;
    const keys = card?.match.kind === 'name' ? [...ADDRESSING, 'set-name', 'match'] : ADDRESSING;
    await draft.edit('network', old.path, (text) => {
      const own = ['network', 'ethernets', old.id];
      // one that will not be there would be waited for; one that a bridge or a bond names has to stay
      if (!card && !isNamedElsewhere(old, text)) return withoutPair(shown(old.path), text, own);
      return withoutKeys(shown(old.path), text, own, keys);
    });
    paths.add(old.path);
    if (card && !ids.has(card) && /^[\w.-]{1,64}$/.test(old.id)) ids.set(card, old.id);
  }
  const ethernets = Object.fromEntries(
    cards.map((card) => {
      const id = ids.get(card) ?? idOf(card);
      return [id, entryOf(card, id)];
    }),
  );
  await draft.write('network', PATH, yaml({ network: { version: 2, ethernets } }), { mode: 0o600, owner: ROOT });
  return [...paths];
}

const isSame = (match: Card['match'], old: NetplanCard) =>
  match.kind === 'mac' ? match.mac === old.mac : match.kind === 'name' && match.name === nameOf(old);

function isInTheWay(old: NetplanCard, cards: readonly Card[], recorded: readonly string[]): boolean {
  const name = nameOf(old);
  if (name === '') return old.mac !== '' && cards.some(({ match }) => match.kind === 'only');
  return isReplaced(name.replace('*', '0'), cards, recorded);
}

/** Whether the id stands anywhere else in the file than in front of its entry. */
const isNamedElsewhere = ({ id }: NetplanCard, text: string) =>
  text.split(/[^\w.-]+/).filter((word) => word === id).length > 1;

const idOf = ({ match, id }: Card) => (match.kind === 'name' ? match.name : id);

function entryOf({ setting: { ipv4, ipv6, dns, searchDomains }, match }: Card, id: string): Tree {
  const addresses = [
    ...(typeof ipv4 === 'object' ? ipv4.addresses : []),
    ...(typeof ipv6 === 'object' ? ipv6.addresses : []),
  ];
  const routes = [
    // as all releases understand it
    ...(typeof ipv4 === 'object' && ipv4.gateway ? [{ to: '0.0.0.0/0', via: ipv4.gateway }] : []),
    ...(typeof ipv6 === 'object' && ipv6.gateway ? [{ to: '::/0', via: ipv6.gateway }] : []),
  ];
  const nameservers = { ...(dns.length && { addresses: dns }), ...(searchDomains.length && { search: searchDomains }) };
  return {
    ...(match.kind === 'mac' && { match: { macaddress: match.mac } }),
    ...((match.kind === 'only' || match.kind === 'nth') && { match: { name: 'e*' } }),
    ...(match.kind === 'name' && match.name !== id && { match: { name: match.name } }),
    dhcp4: ipv4 === 'dhcp',
    dhcp6: false,
    ...(ipv6 === 'auto' && { 'accept-ra': true }),
    ...(ipv6 === 'none' && { 'accept-ra': false, 'link-local': [] }),
    ...(addresses.length && { addresses }),
    ...(routes.length && { routes }),
    ...(Object.keys(nameservers).length && { nameservers }),
  };
}

type Tree = { [key: string]: Tree | string | number | boolean | readonly string[] | readonly Tree[] };

/** Every text in quotes: no value can be taken for anything else. */
function yaml(tree: Tree, indent = ''): string {
  return Object.entries(tree)
    .map(([key, value]) => {
      const name = /^[a-z][a-z0-9-]*$/.test(key) ? key : JSON.stringify(key);
      if (typeof value !== 'object') return `${indent}${name}: ${JSON.stringify(value)}\n`;
      if (Array.isArray(value)) return `${indent}${name}: ${JSON.stringify(value)}\n`;
      return `${indent}${name}:\n${yaml(value as Tree, `${indent}  `)}`;
    })
    .join('');
}
