/** systemd.network(5). */
import type { GuestDraft } from '../draft.ts';
import type { Card, CardAbilities } from './cards.ts';
import { setNameServers } from './resolv-conf.ts';

const FOLDER = '/etc/systemd/network';
/** systemd.network(5), under "Description": files of all of them are sorted together by their names. */
const FOLDERS = [FOLDER, '/usr/local/lib/systemd/network', '/usr/lib/systemd/network', '/lib/systemd/network'];
/** What a name begins with; the later ones go before whatever anybody calls his own. */
const FIRSTS = ['00-', '00--', '0--', '!'];

export const NETWORKD: CardAbilities = { canMatchMac: true, canMatchOnly: true, canCount: false, recorded: [] };

/** Of files that match a card the first by name counts: what is there stays, and does not. */
export async function writeNetworkd(draft: GuestDraft, cards: readonly Card[]): Promise<string[]> {
  const paths: string[] = [];
  const lists = await Promise.all(FOLDERS.map((folder) => draft.names(folder)));
  const others = lists.flat().filter((name) => name.endsWith('.network'));
  for (const card of cards) {
    const names = FIRSTS.map((first) => `${first}${card.id}.network`);
    const path = `${FOLDER}/${names.find((name) => others.every((other) => name <= other)) ?? names.at(-1)}`;
    // read by a user of its own
    await draft.write('network', path, unit(card), { mode: 0o644 });
    paths.push(path);
  }
  const resolved = await draft.files.firstOf(['/lib/systemd/systemd-resolved', '/usr/lib/systemd/systemd-resolved']);
  if (resolved === null) paths.push(...(await setNameServers(draft, cards)));
  return paths;
}

function unit({ match, setting: { ipv4, ipv6, dns, searchDomains } }: Card): string {
  const statics = [ipv4, ipv6].flatMap((ip) => (typeof ip === 'object' ? [ip] : []));
  return [
    '[Match]',
    ...(match.kind === 'name'
      ? [`Name=${match.name}`]
      : match.kind === 'mac'
        ? [`MACAddress=${match.mac}`]
        : ['Name=en* eth*']),
    '',
    '[Network]',
    `DHCP=${ipv4 === 'dhcp' ? 'ipv4' : 'no'}`,
    ...(ipv6 === 'auto' ? ['IPv6AcceptRA=yes'] : []),
    ...(ipv6 === 'none' ? ['IPv6AcceptRA=no', 'LinkLocalAddressing=no'] : []),
    ...statics.flatMap(({ addresses }) => addresses.map((address) => `Address=${address}`)),
    ...statics.flatMap(({ gateway }) => (gateway ? [`Gateway=${gateway}`] : [])),
    ...dns.map((server) => `DNS=${server}`),
    ...(searchDomains.length ? [`Domains=${searchDomains.join(' ')}`] : []),
    '',
  ].join('\n');
}
