/** ifcfg files: of network-scripts and NetworkManager in Red Hat's family, of wicked in SUSE. */
import { CannotChange } from '../cannot-change.ts';
import type { GuestDraft } from '../draft.ts';
import { removeAssignments, setAssignment } from '../shell-assignments.ts';
import { appendLines, mapLines } from '../text-lines.ts';
import type { Traits } from '../traits.ts';
import { isEthernetName, isReplaced, netmaskOf, splitCidr, type Card, type CardAbilities } from './cards.ts';

const RED_HAT = '/etc/sysconfig/network-scripts';
const SUSE = '/etc/sysconfig/network';

/** What says how a card is addressed. */
const ADDRESSING =
  /^(?:BOOTPROTO|ONBOOT|(?:IPADDR|PREFIX|NETMASK|GATEWAY|DNS|NETWORK|BROADCAST)\d*|IPADDR_\w+|DOMAIN|SEARCH|DEFROUTE|PEERDNS|HWADDR|IPV6ADDR|IPV6ADDR_SECONDARIES|IPV6_DEFAULTGW|IPV6INIT|IPV6_AUTOCONF|IPV6_DEFROUTE|IPV6_DISABLED|IPV6FORWARDING|DHCPV6C|DEVICE|STARTMODE)$/;

export async function ifcfgAbilities(draft: GuestDraft, traits: Traits): Promise<CardAbilities> {
  const hasManager =
    !traits.isSuse && (await draft.files.firstOf(['/usr/sbin/NetworkManager', '/sbin/NetworkManager'])) !== null;
  const names = (await draft.names(traits.isSuse ? SUSE : RED_HAT)).flatMap(
    (name) => /^ifcfg-([\w-]{1,100})$/.exec(name)?.[1] ?? [],
  );
  // CentOS 5 and 6 rename a card to the DEVICE of the file with its address
  return {
    canMatchMac: hasManager || traits.isOldRedHat,
    canMatchOnly: hasManager,
    canCount: false,
    recorded: names.filter(isEthernetName),
  };
}

export async function writeIfcfg(
  draft: GuestDraft,
  traits: Traits,
  cards: readonly Card[],
  { recorded }: CardAbilities,
): Promise<string[]> {
  const paths: string[] = [];
  const named = new Map<string, Card>();
  for (const [i, card] of cards.entries()) {
    const name = card.match.kind === 'name' ? card.match.name : traits.isOldRedHat ? `eth${i}` : card.id;
    if (named.has(name)) throw new CannotChange('card-twice', { card: card.setting.card });
    named.set(name, card);
  }
  for (const file of await draft.names(RED_HAT)) {
    const name = /^ifcfg-([\w-]{1,100}(?::\d{1,3})?)$/.exec(file)?.[1];
    if (name === undefined || named.has(name) || !isReplaced(name, cards, recorded)) continue;
    await draft.edit('network', `${RED_HAT}/${file}`, (text) => setAssignment(text, 'ONBOOT', 'no'));
    paths.push(`${RED_HAT}/${file}`);
  }
  for (const [name, card] of named) {
    const path = `${RED_HAT}/ifcfg-${name}`;
    const text = removeAssignments((await draft.text(path)) ?? `TYPE=Ethernet\nNAME=${name}\n`, (key) =>
      ADDRESSING.test(key),
    );
    await draft.write('network', path, appendLines(text, redHatLines(card, name, traits)));
    paths.push(path);
    if (traits.isOldRedHat && traits.version < 6) paths.push(...(await writeAliases(draft, name, card)));
  }
  paths.push(...(await setGlobals(draft, traits, cards)));
  return paths;
}

function redHatLines(
  { match, setting: { ipv4, ipv6, dns, searchDomains } }: Card,
  name: string,
  traits: Traits,
): string[] {
  const isFive = traits.isOldRedHat && traits.version < 6;
  const hasDevice = match.kind === 'name' || traits.isOldRedHat;
  const lines = [
    ...(hasDevice ? [`DEVICE=${name}`] : []),
    ...(match.kind === 'mac' ? [`HWADDR=${match.mac.toUpperCase()}`] : []),
    'ONBOOT=yes',
  ];
  lines.push(`BOOTPROTO=${ipv4 === 'dhcp' ? 'dhcp' : 'none'}`);
  if (typeof ipv4 === 'object') {
    for (const [i, cidr] of (isFive ? ipv4.addresses.slice(0, 1) : ipv4.addresses).entries()) {
      const { address, prefix } = splitCidr(cidr);
      const number = i === 0 ? '' : String(i);
      lines.push(`IPADDR${number}=${address}`, `NETMASK${number}=${netmaskOf(prefix)}`);
      if (!traits.isOldRedHat) lines.push(`PREFIX${number}=${prefix}`);
    }
    if (ipv4.gateway) lines.push(`GATEWAY=${ipv4.gateway}`);
  }
  lines.push(`IPV6INIT=${ipv6 === 'none' ? 'no' : 'yes'}`, `IPV6_AUTOCONF=${ipv6 === 'auto' ? 'yes' : 'no'}`);
  if (ipv6 === 'none' && !traits.isOldRedHat) lines.push('IPV6_DISABLED=yes');
  if (typeof ipv6 === 'object') {
    lines.push(`IPV6ADDR=${ipv6.addresses[0]}`);
    if (ipv6.addresses.length > 1) lines.push(`IPV6ADDR_SECONDARIES="${ipv6.addresses.slice(1).join(' ')}"`);
    if (ipv6.gateway) lines.push(`IPV6_DEFAULTGW=${ipv6.gateway}`);
  }
  dns.forEach((server, i) => lines.push(`DNS${i + 1}=${server}`));
  if (searchDomains.length) lines.push(`DOMAIN="${searchDomains.join(' ')}"`);
  return lines;
}

/** CentOS 5 knows one address for each file. */
async function writeAliases(draft: GuestDraft, name: string, { setting: { ipv4 } }: Card): Promise<string[]> {
  const more = typeof ipv4 === 'object' ? ipv4.addresses.slice(1) : [];
  const paths: string[] = [];
  for (const [i, cidr] of more.entries()) {
    const { address, prefix } = splitCidr(cidr);
    const path = `${RED_HAT}/ifcfg-${name}:${i + 1}`;
    await draft.write(
      'network',
      path,
      `DEVICE=${name}:${i + 1}\nONPARENT=yes\nIPADDR=${address}\nNETMASK=${netmaskOf(prefix)}\n`,
    );
    paths.push(path);
  }
  return paths;
}

/** What holds for all cards would go before a card's own gateway. */
async function setGlobals(draft: GuestDraft, traits: Traits, cards: readonly Card[]): Promise<string[]> {
  const path = '/etc/sysconfig/network';
  const text = await draft.text(path);
  const hasGateway = cards.some(({ setting: { ipv4 } }) => typeof ipv4 === 'object' && ipv4.gateway !== undefined);
  const hasSix = cards.some(({ setting: { ipv6 } }) => ipv6 !== 'none');
  let edited = text ?? '';
  if (hasGateway) edited = removeAssignments(edited, (name) => name === 'GATEWAY' || name === 'GATEWAYDEV');
  if (traits.isOldRedHat) edited = setAssignment(edited, 'NETWORKING', 'yes');
  if (traits.isOldRedHat && hasSix) edited = setAssignment(edited, 'NETWORKING_IPV6', 'yes');
  if (edited === (text ?? '')) return [];
  await draft.write('network', path, edited);
  return [path];
}

/** A default route as a line of routes(5): destination, gateway, netmask, interface; null for any other line. */
function defaultRoute(line: string): { family: 4 | 6; card: string } | null {
  const [destination, gateway = '', , card = '-'] = line.trim().split(/\s+/);
  if (!/^(?:default|0\.0\.0\.0(?:\/0)?|::\/0)$/.test(destination)) return null;
  return { family: gateway.includes(':') || destination.includes(':') ? 6 : 4, card };
}

/** YaST keeps the default route of all cards in one file: an old one there would stand beside a card's own. */
async function dropSharedDefaults(draft: GuestDraft, cards: readonly Card[]): Promise<string[]> {
  const path = `${SUSE}/routes`;
  const text = await draft.text(path);
  if (text === null) return [];
  const hasOwn = ({ setting: { ipv4, ipv6 } }: Card, family: 4 | 6) => {
    const ip = family === 4 ? ipv4 : ipv6;
    return typeof ip === 'object' ? ip.gateway !== undefined : ip !== 'none';
  };
  const edited = mapLines(text, (line) => {
    const route = defaultRoute(line);
    if (!route) return line;
    const isReplaced = cards.some((card) =>
      route.card === '-' ? hasOwn(card, route.family) : card.match.kind === 'name' && card.match.name === route.card,
    );
    return isReplaced ? [] : line;
  });
  if (edited === text) return [];
  await draft.write('network', path, edited);
  return [path];
}

/** wicked of SUSE: ifcfg(5), routes(5), netconfig(8). */
export async function writeWicked(draft: GuestDraft, cards: readonly Card[]): Promise<string[]> {
  const paths: string[] = [];
  for (const { match, setting } of cards) {
    if (match.kind !== 'name') throw new CannotChange('card-not-by-mac', { card: setting.card });
    const { ipv4, ipv6 } = setting;
    const statics = [ipv4, ipv6].flatMap((ip) => (typeof ip === 'object' ? [ip] : []));
    const path = `${SUSE}/ifcfg-${match.name}`;
    const text = removeAssignments((await draft.text(path)) ?? '', (key) => ADDRESSING.test(key));
    const lines = [
      "STARTMODE='auto'",
      `BOOTPROTO='${ipv4 === 'dhcp' ? (ipv6 === 'auto' ? 'dhcp' : 'dhcp4') : statics.length ? 'static' : 'none'}'`,
      ...statics
        .flatMap(({ addresses }) => addresses)
        .map((address, i) => `IPADDR${i === 0 ? '' : `_${i}`}='${address}'`),
    ];
    await draft.write('network', path, appendLines(text, lines));
    const routes = statics.flatMap(({ gateway }) => (gateway ? [`default ${gateway} - ${match.name}\n`] : []));
    paths.push(path);
    const own = `${SUSE}/ifroute-${match.name}`;
    const ownText = await draft.text(own);
    const without = mapLines(ownText ?? '', (line) => (defaultRoute(line) ? [] : line));
    const kept = routes.length > 0 ? routes.join('') : without;
    if (kept === (ownText ?? '')) continue;
    await draft.write('network', own, kept);
    paths.push(own);
  }
  paths.push(...(await dropSharedDefaults(draft, cards)));
  const servers = [...new Set(cards.flatMap(({ setting }) => setting.dns))].join(' ');
  const domains = [...new Set(cards.flatMap(({ setting }) => setting.searchDomains))].join(' ');
  const config = `${SUSE}/config`;
  if (servers === '' && domains === '') return paths;
  let text = (await draft.text(config)) ?? '';
  if (servers !== '') text = setAssignment(text, 'NETCONFIG_DNS_STATIC_SERVERS', servers);
  if (domains !== '') text = setAssignment(text, 'NETCONFIG_DNS_STATIC_SEARCHLIST', domains);
  await draft.write('network', config, text);
  return [...paths, config];
}
