/** interfaces(5) of ifupdown: /etc/network/interfaces and the files beside it. */
import { HostNameSchema } from '../../../contract/deploy.contract.ts';
import type { GuestDraft } from '../draft.ts';
import { appendLines, splitLines } from '../text-lines.ts';
import type { Traits } from '../traits.ts';
import { isEthernetName, isReplaced, netmaskOf, splitCidr, type Card, type CardAbilities } from './cards.ts';
import { hasResolvconf, setNameServers } from './resolv-conf.ts';

const PATH = '/etc/network/interfaces';
const FOLDER = '/etc/network/interfaces.d';

/** Begin what is no option of the stanza before. */
const KEYWORD = /^(?:iface|auto|allow-\S+|mapping|source|source-directory|rename|template|no-auto-down|no-scripts)$/;

async function configurations(draft: GuestDraft): Promise<string[]> {
  const names = (await draft.names(FOLDER)).filter((name) => /^[\w.-]{1,200}$/.test(name));
  return [PATH, ...names.map((name) => `${FOLDER}/${name}`)];
}

export async function ifupdownAbilities(draft: GuestDraft, traits: Traits): Promise<CardAbilities> {
  const recorded: string[] = [];
  for (const path of await configurations(draft)) {
    for (const [keyword, name] of words(await draft.glance(path))) {
      if (keyword === 'iface' && isEthernetName(name ?? '') && !recorded.includes(name)) recorded.push(name);
    }
  }
  const canMatch = hasPatterns(traits);
  return { canMatchMac: canMatch, canMatchOnly: false, canCount: canMatch, recorded };
}

const words = (text: string | null) => splitLines(text ?? '').map(({ body }) => body.trim().split(/\s+/));

/** Patterns are of ifupdown 0.8.20 and later; busybox has none. */
function hasPatterns({ distribution, version, init }: Traits): boolean {
  if (init !== 'systemd') return false;
  return distribution === 'ubuntu' ? version >= 18 : distribution !== 'debian' || version === 0 || version >= 10;
}

export async function writeIfupdown(
  draft: GuestDraft,
  cards: readonly Card[],
  { recorded }: CardAbilities,
): Promise<string[]> {
  const paths = new Set([PATH]);
  let keyword = 'auto';
  for (const path of await configurations(draft)) {
    const isFolder = path !== PATH && (await draft.files.find(path))?.node.kind !== 'file';
    if (isFolder) continue;
    await draft.edit('network', path, (text) => {
      const cleaned = withoutCards(text, (name) => isReplaced(name, cards, recorded));
      if (cleaned.text !== text) paths.add(path);
      keyword = cleaned.keyword ?? keyword;
      return cleaned.text;
    });
  }
  const hasManager = await hasResolvconf(draft);
  const lines = cards.flatMap((card) => ['', ...stanzas(card, keyword, hasManager)]);
  const text = (await draft.text(PATH)) ?? 'auto lo\niface lo inet loopback\n';
  await draft.write('network', PATH, appendLines(text, lines));
  if (!hasManager) for (const path of await setNameServers(draft, cards)) paths.add(path);
  return [...paths];
}

/** Stanzas of some cards taken out; comments and everything else stay. `keyword`: how they were brought up. */
function withoutCards(text: string, isGone: (name: string) => boolean): { text: string; keyword: string | null } {
  let isInside = false;
  let isContinued = false;
  let isKept = true;
  let keyword: string | null = null;
  const lines = splitLines(text).map(({ body, end }) => {
    const wasContinued = isContinued;
    isContinued = body.endsWith('\\');
    if (wasContinued) return isKept ? body + end : '';
    const [first, ...rest] = body.trim().split(/\s+/);
    const isComment = first === '' || first.startsWith('#');
    isKept = true;
    if (isComment) return body + end;
    if (KEYWORD.test(first)) {
      isInside = first === 'iface' && isGone(rest[0] ?? '');
      if (first === 'auto' || first.startsWith('allow-')) {
        const kept = rest.filter((name) => !isGone(name));
        if (kept.length === rest.length) return body + end;
        if (first === 'auto' || first === 'allow-hotplug') keyword = first;
        isKept = kept.length > 0 || isContinued;
        return isKept ? `${[first, ...kept].join(' ')}${end}` : '';
      }
    }
    isKept = !isInside;
    return isKept ? body + end : '';
  });
  return { text: lines.join(''), keyword };
}

function stanzas({ setting, match, id }: Card, keyword: string, hasManager: boolean): string[] {
  const name = match.kind === 'name' ? match.name : id;
  const matched = {
    name,
    mac: match.kind === 'mac' ? `mac/${match.mac}=${id}` : '',
    nth: match.kind === 'nth' ? `/e*/${match.place}=${id}` : '',
    only: `/e*/1=${id}`,
  };
  const lines = [`${match.kind === 'name' ? keyword : 'auto'} ${matched[match.kind]}`];
  const { ipv4, ipv6, dns } = setting;
  const domains = setting.searchDomains.filter((domain) => HostNameSchema.safeParse(domain).success);
  const options = [
    ...(hasManager && dns.length ? [`    dns-nameservers ${dns.join(' ')}`] : []),
    ...(hasManager && domains.length ? [`    dns-search ${domains.join(' ')}`] : []),
    ...(ipv6 === 'none' ? ['    pre-up echo 1 > /proc/sys/net/ipv6/conf/$IFACE/disable_ipv6 || true'] : []),
  ];
  if (ipv4 === 'dhcp') lines.push(`iface ${name} inet dhcp`, ...options);
  else if (ipv4 === 'none') lines.push(`iface ${name} inet manual`, ...options);
  else {
    for (const [i, cidr] of ipv4.addresses.entries()) {
      const { address, prefix } = splitCidr(cidr);
      lines.push(`iface ${name} inet static`, `    address ${address}`, `    netmask ${netmaskOf(prefix)}`);
      if (i === 0) lines.push(...(ipv4.gateway ? [`    gateway ${ipv4.gateway}`] : []), ...options);
    }
  }
  if (ipv6 === 'auto') lines.push(`iface ${name} inet6 auto`);
  else if (ipv6 !== 'none') {
    for (const [i, cidr] of ipv6.addresses.entries()) {
      const { address, prefix } = splitCidr(cidr);
      lines.push(`iface ${name} inet6 static`, `    address ${address}`, `    netmask ${prefix}`);
      if (i === 0 && ipv6.gateway) lines.push(`    gateway ${ipv6.gateway}`);
    }
  }
  return lines;
}
