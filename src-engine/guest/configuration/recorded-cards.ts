/** Network cards as the files of each system set them up: by their names, DHCP or static. Read, never run; what is unusual is left out. */
import { isIPv4, isIPv6 } from 'node:net';
import { parse } from 'yaml';
import { NetworkCardSchema, type NetworkCard } from '../../contract/deploy.contract.ts';
import { iniValue } from '../customise/ini-edit.ts';
import type { GuestFiles } from '../guest-files.ts';
import { parseAssignments } from '../linux/assignments.ts';

/** What was read of one: addresses with their prefixes. */
interface Found {
  card: string;
  isDhcp: boolean;
  isSixOff: boolean;
  addresses: string[];
  gateways: string[];
  dns: string[];
  searchDomains: string[];
}

const MAX_CARDS = 32;
const MAX_FILES = 64;
const MAX_LINES = 2000;
const MAX_YAML_CHARACTERS = 256 * 1024;

/** @returns of two that set up the same card, the first */
export async function recordedCards(files: GuestFiles): Promise<NetworkCard[]> {
  const cards = new Map<string, NetworkCard>();
  for (const read of [netplan, networkd, networkManager, ifupdown, ifcfg]) {
    for (const found of await read(files)) {
      const card = cardOf(found);
      if (card && !cards.has(card.card)) cards.set(card.card, card);
    }
  }
  return [...cards.values()].slice(0, MAX_CARDS);
}

const nothing = (card: string): Found => ({
  ...{ card, isDhcp: false, isSixOff: false },
  ...{ addresses: [], gateways: [], dns: [], searchDomains: [] },
});

function cardOf(found: Found): NetworkCard | null {
  const isOf = (is: (address: string) => boolean) => (cidr: string) => is(cidr.split('/')[0]);
  const [four, six] = [isIPv4, isIPv6].map((is) => {
    const addresses = found.addresses.filter(isOf(is));
    const gateway = found.gateways.find(is);
    return addresses.length === 0 ? null : { addresses, ...(gateway && { gateway }) };
  });
  const card = NetworkCardSchema.safeParse({
    card: found.card,
    ipv4: four ?? (found.isDhcp ? 'dhcp' : 'none'),
    ipv6: six ?? (found.isSixOff ? 'none' : 'auto'),
    dns: found.dns.filter((one) => isIPv4(one) || isIPv6(one)).slice(0, 8),
    searchDomains: found.searchDomains.slice(0, 8),
  });
  return card.data ?? null;
}

const words = (text: string) => text.split(/[\s;,]+/).filter((word) => word !== '');

async function textsIn(files: GuestFiles, folder: string, pattern: RegExp): Promise<{ name: string; text: string }[]> {
  const texts: { name: string; text: string }[] = [];
  for (const name of (await files.names(folder))
    .filter((one) => pattern.test(one))
    .sort()
    .slice(0, MAX_FILES)) {
    const text = await files.text(`${folder}/${name}`);
    if (text !== null) texts.push({ name, text });
  }
  return texts;
}

type Tree = { readonly [key: string]: unknown };
const treeOf = (value: unknown): Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {};
const textsOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : []).map((one) =>
    typeof one === 'object' && one ? (Object.keys(one)[0] ?? '') : String(one),
  );

/** netplan(5): files by their names, of which a later one changes an earlier one. */
async function netplan(files: GuestFiles): Promise<Found[]> {
  const cards = new Map<string, Tree>();
  for (const { text } of await textsIn(files, '/etc/netplan', /\.ya?ml$/)) {
    for (const [id, card] of Object.entries(treeOf(treeOf(treeOf(yamlOf(text)).network).ethernets))) {
      cards.set(id, { ...cards.get(id), ...treeOf(card) });
    }
  }
  return [...cards].map(([id, card]) => {
    const { name, macaddress } = treeOf(card.match);
    const routes = Array.isArray(card.routes) ? card.routes.map(treeOf) : [];
    const ways = routes.filter(({ to }) => to === 'default' || to === '0.0.0.0/0' || to === '::/0');
    const servers = treeOf(card.nameservers);
    return {
      ...nothing(typeof macaddress === 'string' ? macaddress : typeof name === 'string' ? name : id),
      isDhcp: card.dhcp4 === true,
      isSixOff: card['accept-ra'] === false && card.dhcp6 !== true,
      addresses: textsOf(card.addresses),
      gateways: [card.gateway4, card.gateway6, ...ways.map(({ via }) => via)].map(String),
      dns: textsOf(servers.addresses),
      searchDomains: textsOf(servers.search),
    };
  });
}

/** Without aliases, of which a few lines can make more than there is memory. */
function yamlOf(text: string): unknown {
  try {
    return text.length > MAX_YAML_CHARACTERS ? null : parse(text, { maxAliasCount: 0, logLevel: 'silent' });
  } catch {
    return null;
  }
}

/** systemd.network(5) */
async function networkd(files: GuestFiles): Promise<Found[]> {
  const texts = await textsIn(files, '/etc/systemd/network', /\.network$/);
  return texts.map(({ text }) => {
    const of = (key: string) => iniValues(text, 'Network', key).flatMap(words);
    return {
      ...nothing(iniValue(text, 'Match', 'MACAddress') || iniValue(text, 'Match', 'Name')),
      isDhcp: /^(?:yes|true|on|1|ipv4|both)$/i.test(iniValue(text, 'Network', 'DHCP')),
      isSixOff: /^(?:no|false|ipv4)$/i.test(iniValue(text, 'Network', 'LinkLocalAddressing')),
      addresses: [...of('Address'), ...iniValues(text, 'Address', 'Address')],
      gateways: [...of('Gateway'), ...iniValues(text, 'Route', 'Gateway')],
      dns: of('DNS'),
      searchDomains: of('Domains'),
    };
  });
}

/** Keyfiles: nm-settings-keyfile(5). */
async function networkManager(files: GuestFiles): Promise<Found[]> {
  const texts = await textsIn(files, '/etc/NetworkManager/system-connections', /./);
  return texts
    .filter(({ text }) => /^(?:802-3-)?ethernet$/.test(iniValue(text, 'connection', 'type')))
    .map(({ text }) => {
      const mac = iniValue(text, 'ethernet', 'mac-address') || iniValue(text, '802-3-ethernet', 'mac-address');
      const both = ['ipv4', 'ipv6'];
      const lines = both.flatMap((section) =>
        ['address', 'addresses', ...Array.from({ length: 9 }, (_, i) => `address${i + 1}`)]
          .map((key) => iniValue(text, section, key))
          .filter((value) => value !== ''),
      );
      return {
        ...nothing(iniValue(text, 'connection', 'interface-name') || mac || '1'),
        isDhcp: iniValue(text, 'ipv4', 'method') === 'auto',
        isSixOff: /^(?:ignore|disabled)$/.test(iniValue(text, 'ipv6', 'method')),
        addresses: lines.map((line) => line.split(',')[0]),
        gateways: [
          ...lines.map((line) => line.split(',')[1] ?? ''),
          ...both.map((one) => iniValue(text, one, 'gateway')),
        ],
        dns: both.flatMap((section) => words(iniValue(text, section, 'dns'))),
        searchDomains: both.flatMap((section) => words(iniValue(text, section, 'dns-search'))),
      };
    });
}

function iniValues(text: string, section: string, key: string): string[] {
  let here = '';
  return text.split('\n', MAX_LINES).flatMap((line) => {
    here = /^\s*\[([^\]]*)\]/.exec(line)?.[1] ?? here;
    const [, name, value] = /^\s*([A-Za-z]+)\s*=(.*)$/.exec(line) ?? [];
    return here === section && name === key ? [value.trim()] : [];
  });
}

/** interfaces(5) */
async function ifupdown(files: GuestFiles): Promise<Found[]> {
  const main = await files.text('/etc/network/interfaces');
  const texts = [
    ...(main === null ? [] : [main]),
    ...(await textsIn(files, '/etc/network/interfaces.d', /^[\w.-]+$/)).map(({ text }) => text),
  ];
  const cards = new Map<string, Found>();
  for (const text of texts) {
    let current: Found | null = null;
    let netmask: string | null = null;
    for (const line of text.split('\n', MAX_LINES)) {
      const [first, ...rest] = line.trim().split(/\s+/);
      if (first === 'iface') {
        const [name = '', family, method] = rest;
        current = name === 'lo' || name === '' ? null : (cards.get(name) ?? nothing(name));
        netmask = null;
        if (current) cards.set(name, current);
        if (current && family === 'inet' && method === 'dhcp') current.isDhcp = true;
      } else if (/^(?:auto|allow-\S+|mapping|source|source-directory|template)$/.test(first)) current = null;
      if (!current) continue;
      if (first === 'address' && rest[0]) current.addresses.push(withPrefix(rest[0], netmask));
      if (first === 'netmask' && rest[0]) {
        netmask = rest[0];
        const last = current.addresses.pop();
        if (last !== undefined) current.addresses.push(withPrefix(last, netmask));
      }
      if (first === 'gateway') current.gateways.push(...rest);
      if (first === 'dns-nameservers') current.dns.push(...rest);
      if (first === 'dns-search') current.searchDomains.push(...rest);
    }
  }
  return [...cards.values()];
}

/** ifcfg files of Red Hat's family and of SUSE. */
async function ifcfg(files: GuestFiles): Promise<Found[]> {
  const folders = ['/etc/sysconfig/network-scripts', '/etc/sysconfig/network'];
  const texts = (
    await Promise.all(folders.map((folder) => textsIn(files, folder, /^ifcfg-(?!lo$|template)[\w.-]+$/)))
  ).flat();
  return texts.map(({ name, text }) => {
    const values = parseAssignments(text);
    const of = (key: string) => values.get(key) ?? '';
    const numbers = ['', ...Array.from({ length: 8 }, (_, i) => String(i))];
    return {
      ...nothing(of('DEVICE') || of('HWADDR') || name.slice('ifcfg-'.length)),
      isDhcp: /^(?:dhcp4?|bootp|auto)/i.test(of('BOOTPROTO')),
      isSixOff: /^no$/i.test(of('IPV6INIT')) || /^yes$/i.test(of('IPV6_DISABLED')),
      addresses: [
        ...numbers.flatMap((n) =>
          of(`IPADDR${n}`) ? [withPrefix(of(`IPADDR${n}`), of(`PREFIX${n}`) || of(`NETMASK${n}`) || null)] : [],
        ),
        ...words(`${of('IPV6ADDR')} ${of('IPV6ADDR_SECONDARIES')}`),
      ],
      gateways: [of('GATEWAY'), of('IPV6_DEFAULTGW')],
      dns: [of('DNS1'), of('DNS2'), of('DNS3')],
      searchDomains: words(`${of('DOMAIN')} ${of('SEARCH')}`),
    };
  });
}

/** @param mask `24` or `255.255.255.0`; null: none is known, and it is the address' own */
function withPrefix(address: string, mask: string | null): string {
  if (address.includes('/')) return address;
  if (mask === null || mask === '') return address;
  const bits = isIPv4(mask)
    ? mask.split('.').reduce((sum, part) => sum + Number(part).toString(2).replaceAll('0', '').length, 0)
    : mask;
  return `${address}/${bits}`;
}
