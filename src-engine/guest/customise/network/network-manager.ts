/** Keyfiles of NetworkManager: nm-settings-keyfile(5). */
import { createHash } from 'node:crypto';
import { ROOT, type GuestDraft } from '../draft.ts';
import { iniValue, withIniKey } from '../ini-edit.ts';
import type { Traits } from '../traits.ts';
import { isReplaced, type Card, type CardAbilities } from './cards.ts';

const FOLDER = '/etc/NetworkManager/system-connections';

/** Connections of wires that are there: path, and the card's name where it is bound to one. */
async function connections(draft: GuestDraft): Promise<{ path: string; name: string; mac: string }[]> {
  const found: { path: string; name: string; mac: string }[] = [];
  for (const file of await draft.names(FOLDER)) {
    const path = `${FOLDER}/${file}`;
    const text = await draft.glance(path);
    if (text === null || !/^(?:802-3-)?ethernet$/.test(iniValue(text, 'connection', 'type'))) continue;
    const mac = iniValue(text, 'ethernet', 'mac-address') || iniValue(text, '802-3-ethernet', 'mac-address');
    found.push({ path, name: iniValue(text, 'connection', 'interface-name'), mac: mac.toLowerCase() });
  }
  return found;
}

export async function networkManagerAbilities(draft: GuestDraft): Promise<CardAbilities> {
  const recorded = (await connections(draft)).map(({ name }) => name).filter((name) => name !== '');
  return { canMatchMac: true, canMatchOnly: true, canCount: false, recorded };
}

export async function writeKeyfiles(
  draft: GuestDraft,
  traits: Traits,
  cards: readonly Card[],
  { recorded }: CardAbilities,
): Promise<string[]> {
  const paths: string[] = [];
  const there = await connections(draft);
  const isMeant = ({ match }: Card) => match.kind === 'mac' && there.some(({ mac }) => mac === match.mac);
  const loose = cards.filter((card) => !isMeant(card));
  for (const { path, name, mac } of there) {
    const isMac = cards.some(({ match }) => match.kind === 'mac' && match.mac === mac);
    // one that is bound to no card would take any
    const isAny = name === '' && mac === '';
    if (!isMac && !isAny && !isReplaced(name, loose, recorded)) continue;
    await draft.edit('network', path, (text) => withIniKey(text, 'connection', 'autoconnect', 'false'));
    paths.push(path);
  }
  for (const card of cards) {
    const path = `${FOLDER}/${card.id}.nmconnection`;
    // NetworkManager reads none that others could read
    await draft.write('network', path, keyfile(card, knowsDisabled(traits)), {
      mode: 0o600,
      owner: ROOT,
    });
    paths.push(path);
  }
  return paths;
}

/** `disabled` for IPv6 is of NetworkManager 1.20; before, it is no value, and the file is not read. */
function knowsDisabled({ distribution, isRedHat, version }: Traits): boolean {
  if (distribution === 'fedora') return version >= 31;
  if (isRedHat) return version >= 8;
  return distribution === 'ubuntu' ? version >= 20 : distribution !== 'debian' || version >= 11;
}

function keyfile({ id, match, setting: { ipv4, ipv6, dns, searchDomains } }: Card, knowsDisabledIpv6: boolean): string {
  const servers = (isSix: boolean) => dns.filter((server) => server.includes(':') === isSix);
  const section = (isSix: boolean, ip: { addresses: readonly string[]; gateway?: string }) => [
    'method=manual',
    ...ip.addresses.map((address, i) => `address${i + 1}=${address}${i === 0 && ip.gateway ? `,${ip.gateway}` : ''}`),
    ...names(isSix),
  ];
  const names = (isSix: boolean) => [
    ...(servers(isSix).length ? [`dns=${servers(isSix).join(';')};`] : []),
    ...(searchDomains.length ? [`dns-search=${searchDomains.join(';')};`] : []),
  ];
  return [
    '[connection]',
    `id=${id}`,
    `uuid=${uuidOf(id)}`,
    'type=ethernet',
    'autoconnect=true',
    'autoconnect-priority=100',
    ...(match.kind === 'name' ? [`interface-name=${match.name}`] : []),
    '',
    '[ethernet]',
    ...(match.kind === 'mac' ? [`mac-address=${match.mac.toUpperCase()}`] : []),
    '',
    '[ipv4]',
    ...(ipv4 === 'dhcp'
      ? ['method=auto', ...names(false)]
      : ipv4 === 'none'
        ? ['method=disabled']
        : section(false, ipv4)),
    '',
    '[ipv6]',
    ...(ipv6 === 'auto'
      ? ['method=auto', ...names(true)]
      : ipv6 === 'none'
        ? [`method=${knowsDisabledIpv6 ? 'disabled' : 'ignore'}`]
        : section(true, ipv6)),
    '',
  ].join('\n');
}

/** Of the connection's name: the same each time, and another one than that of any other connection. Form: RFC 9562, version 8. */
function uuidOf(id: string): string {
  const hex = createHash('sha256').update(`diskpress connection ${id}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
