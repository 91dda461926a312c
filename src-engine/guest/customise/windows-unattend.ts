/** The answer file of Windows Setup, for a system that sysprep left ready for a new machine. */
import type { GuestSettings, NetworkCard } from '../../contract/deploy.contract.ts';
import type { Guest } from '../../contract/guest.contract.ts';
import { CannotChange } from './cannot-change.ts';
import type { GuestDraft } from './draft.ts';
import { WINDOWS_KEYBOARDS, WINDOWS_ZONES } from './windows-names.ts';

/** Setup looks there before it looks at what sysprep itself was given. */
const PATH = '/Windows/Panther/Unattend/unattend.xml';
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', i386: 'x86', aarch64: 'arm64' };

type Element = readonly [name: string, content: string | readonly Element[], action?: 'add'];
interface Component {
  readonly pass: 'specialize' | 'oobeSystem';
  readonly name: string;
  readonly elements: readonly Element[];
}

export async function writeUnattend(draft: GuestDraft, guest: Guest, settings: GuestSettings): Promise<void> {
  if (!hasAny(settings)) return;
  const state = guest.sysprepState.value ?? '';
  const architecture = ARCHITECTURES[guest.architecture.value ?? ''];
  if (!/GENERALIZE/.test(state) || architecture === undefined) {
    return draft.cannot(
      'windows-setup',
      architecture === undefined ? 'windows-architecture' : 'windows-not-generalised',
      { state },
    );
  }
  const components: Component[] = [];
  /** Settings that Setup cannot be told do not keep it from being told the others. */
  const add = (reason: Parameters<GuestDraft['can']>[0], data: Record<string, string>, make: () => Component[]) => {
    try {
      components.push(...make());
      draft.can(reason, 'windows-by-setup', { ...data, path: PATH });
    } catch (error) {
      if (!(error instanceof CannotChange)) throw error;
      draft.cannot(reason, error.code, error.data);
    }
  };
  const { hostname, domain, timezone, locale, keyboard } = settings;
  if (hostname !== undefined)
    add('hostname', { name: hostname }, () => [shell('specialize', [['ComputerName', computerName(hostname)]])]);
  if (domain !== undefined)
    add('hostname', { name: domain }, () => [tcpip([['DNSDomain', domain]], 'Microsoft-Windows-DNS-Client')]);
  if (timezone !== undefined)
    add('timezone', { name: timezone }, () => [
      shell('specialize', [
        ['TimeZone', known(WINDOWS_ZONES, timezone, 'timezone-missing', { zone: timezone, path: 'Windows' })],
      ]),
    ]);
  if (locale !== undefined)
    add('locale', { name: locale }, () => [
      international([
        ['SystemLocale', culture(locale)],
        ['UserLocale', culture(locale)],
      ]),
    ]);
  if (keyboard !== undefined)
    add('keyboard', { name: keyboard }, () => [
      international([['InputLocale', known(WINDOWS_KEYBOARDS, keyboard, 'keymap-missing', { keyboard })]]),
    ]);
  for (const card of settings.network) add('network', { name: card.card }, () => networkOf(card));
  // Setup takes passwords as they are typed, and none is kept here
  for (const { name } of settings.users) draft.cannot('users', 'windows-user', { name });
  for (const { name } of settings.firstBoot) draft.cannot('first-boot', 'windows-script', { script: name });
  if (components.length === 0) return;
  await draft.write('windows-setup', PATH, documentOf(components, architecture));
}

const hasAny = ({ hostname, domain, timezone, locale, keyboard, network, users, firstBoot }: GuestSettings) =>
  [hostname, domain, timezone, locale, keyboard].some((value) => value !== undefined) ||
  network.length + users.length + firstBoot.length > 0;

const shell = (pass: Component['pass'], elements: readonly Element[]): Component => ({
  pass,
  name: 'Microsoft-Windows-Shell-Setup',
  elements,
});
const international = (elements: readonly Element[]): Component => ({
  pass: 'oobeSystem',
  name: 'Microsoft-Windows-International-Core',
  elements,
});
const tcpip = (elements: readonly Element[], name = 'Microsoft-Windows-TCPIP'): Component => ({
  pass: 'specialize',
  name,
  elements,
});

/** NetBIOS: 15 characters, not all of them digits. */
function computerName(hostname: string): string {
  const name = hostname.split('.')[0];
  if (name.length > 15 || /^\d+$/.test(name)) throw new CannotChange('windows-name', { name });
  return name;
}

function known(
  table: Readonly<Record<string, string>>,
  key: string,
  code: 'timezone-missing' | 'keymap-missing',
  data: Record<string, string>,
): string {
  if (!Object.hasOwn(table, key)) throw new CannotChange(code, data);
  return table[key];
}

/** `fr_FR.UTF-8` is `fr-FR` there. */
function culture(locale: string): string {
  const [, language, country] = /^([a-z]{2,3})_([A-Z]{2})(?:[.@]|$)/.exec(locale) ?? [];
  if (country === undefined) throw new CannotChange('locale-missing', { locale });
  return `${language}-${country}`;
}

function networkOf({ card, ipv4, ipv6, dns, searchDomains }: NetworkCard): Component[] {
  if (/^\d+$/.test(card)) throw new CannotChange('card-order-unknown', { card });
  // an interface by its address, with dashes, or by the name of its connection
  const identifier: Element = ['Identifier', card.includes(':') ? card.toUpperCase().replaceAll(':', '-') : card];
  const statics = [ipv4, ipv6].flatMap((ip) => (typeof ip === 'object' ? [ip] : []));
  const addresses = statics
    .flatMap((ip) => ip.addresses)
    .map((address, i): Element => [`IpAddress wcm:keyValue="${i + 1}"`, address, 'add']);
  const routes = statics.flatMap(({ gateway }) => (gateway ? [gateway] : []));
  const family = (ip: NetworkCard['ipv4'] | NetworkCard['ipv6']): Element[] => [
    ['DhcpEnabled', String(ip === 'dhcp' || ip === 'auto')],
  ];
  const elements: Element[] = [
    ['Ipv4Settings', family(ipv4)],
    ['Ipv6Settings', family(ipv6)],
    identifier,
    ...(addresses.length ? [['UnicastIpAddresses', addresses] as Element] : []),
    ...(routes.length
      ? [
          [
            'Routes',
            routes.map((gateway, i): Element => [
              'Route',
              [
                ['Identifier', String(i)],
                ['Prefix', gateway.includes(':') ? '::/0' : '0.0.0.0/0'],
                ['NextHopAddress', gateway],
              ],
              'add',
            ]),
          ] as Element,
        ]
      : []),
  ];
  const made = [tcpip([['Interfaces', [['Interface', elements, 'add']]]])];
  if (dns.length === 0 && searchDomains.length === 0) return made;
  const servers = dns.map((server, i): Element => [`IpAddress wcm:keyValue="${i + 1}"`, server, 'add']);
  const client: Element[] = [
    identifier,
    ...(servers.length ? [['DNSServerSearchOrder', servers] as Element] : []),
    ...(searchDomains.length ? [['DNSDomain', searchDomains[0]] as Element] : []),
  ];
  return [...made, tcpip([['Interfaces', [['Interface', client, 'add']]]], 'Microsoft-Windows-DNS-Client')];
}

/** Components of one name in one pass are one; so are the interfaces in it. */
function documentOf(components: readonly Component[], architecture: string): string {
  const lines = [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<unattend xmlns="urn:schemas-microsoft-com:unattend" xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State">',
  ];
  for (const pass of ['specialize', 'oobeSystem'] as const) {
    const here = components.filter((component) => component.pass === pass);
    if (here.length === 0) continue;
    lines.push(`  <settings pass="${pass}">`);
    for (const name of new Set(here.map((component) => component.name))) {
      lines.push(
        `    <component name="${name}" processorArchitecture="${architecture}" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">`,
      );
      lines.push(
        ...merged(here.filter((component) => component.name === name)).flatMap((element) => xml(element, '      ')),
      );
      lines.push('    </component>');
    }
    lines.push('  </settings>');
  }
  return [...lines, '</unattend>', ''].join('\r\n');
}

function merged(components: readonly Component[]): Element[] {
  const elements = components.flatMap((component) => component.elements);
  const lists = elements.filter(([name]) => name === 'Interfaces');
  const others = elements.filter(([name]) => name !== 'Interfaces');
  return lists.length === 0
    ? others
    : [...others, ['Interfaces', lists.flatMap(([, content]) => content as readonly Element[])]];
}

function xml([name, content, action]: Element, indent: string): string[] {
  const open = `${indent}<${name.split(' ')[0]}${action ? ` wcm:action="${action}"` : ''}${name.includes(' ') ? ` ${name.slice(name.indexOf(' ') + 1)}` : ''}>`;
  const close = `</${name.split(' ')[0]}>`;
  if (typeof content === 'string') return [open + escaped(content) + close];
  return [open, ...content.flatMap((element) => xml(element, `${indent}  `)), indent + close];
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};
const escaped = (text: string) => text.replace(/[&<>"']/g, (sign) => ESCAPES[sign]);
