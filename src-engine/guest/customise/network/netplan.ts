/** netplan: a file of its own, and what others say of the same cards taken out of them. */
import { isMap } from 'yaml';
import { ROOT, shown, type GuestDraft } from '../draft.ts';
import { keyOf, pairAt, parseYamlMap, scalarAt, withoutPair } from '../yaml-edit.ts';
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

export async function writeNetplan(
  draft: GuestDraft,
  cards: readonly Card[],
  { recorded }: CardAbilities,
): Promise<string[]> {
  const paths = new Set([PATH]);
  const ids = new Map<Card, string>();
  for (const old of await netplanCards(draft)) {
    if (old.path === PATH) continue;
    const card = cards.find(({ match }) =>
      match.kind === 'mac' ? match.mac === old.mac : match.kind === 'name' && match.name === nameOf(old),
    );
    const name = nameOf(old);
    const isOther =
      !card &&
      !(name === ''
        ? old.mac !== '' && cards.some(({ match }) => match.kind === 'only')
        : isReplaced(name.replace('*', '0'), cards, recorded));
    if (isOther) continue;
    await draft.edit('network', old.path, (text) =>
      withoutPair(shown(old.path), text, ['network', 'ethernets', old.id]),
    );
    paths.add(old.path);
    // others may speak of it by its id: a bridge, a bond
    const heir = card ?? (cards.length === 1 ? cards[0] : undefined);
    if (heir && !ids.has(heir) && /^[\w.-]{1,64}$/.test(old.id)) ids.set(heir, old.id);
  }
  const ethernets = Object.fromEntries(
    cards.map((card) => [ids.get(card) ?? idOf(card), entryOf(card, ids.get(card) ?? idOf(card))]),
  );
  await draft.write('network', PATH, yaml({ network: { version: 2, ethernets } }), {
    mode: 0o600,
    owner: ROOT,
  });
  return [...paths];
}

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
