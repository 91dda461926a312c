/** Name servers where no program of the network writes them by itself. */
import type { GuestDraft } from '../draft.ts';
import type { Card } from './cards.ts';

const PATH = '/etc/resolv.conf';
const MANAGERS = ['/sbin/resolvconf', '/usr/sbin/resolvconf', '/usr/bin/resolvconf'];
const RESOLVED = ['/lib/systemd/systemd-resolved', '/usr/lib/systemd/systemd-resolved'];

/** Whether resolvconf takes `dns-nameservers` of ifupdown. */
export const hasResolvconf = async (draft: GuestDraft) => (await draft.files.firstOf(MANAGERS)) !== null;

/** @returns paths of what is written */
export async function setNameServers(draft: GuestDraft, cards: readonly Card[]): Promise<string[]> {
  const servers = [...new Set(cards.flatMap(({ setting }) => setting.dns))];
  const domains = [...new Set(cards.flatMap(({ setting }) => setting.searchDomains))];
  if (servers.length === 0 && domains.length === 0) return [];
  const target = (await draft.files.linkTarget(PATH)) ?? '';
  if (target.includes('systemd/resolve') && (await draft.files.firstOf(RESOLVED))) {
    const path = '/etc/systemd/resolved.conf.d/diskpress.conf';
    const lines = [
      '[Resolve]',
      ...(servers.length ? [`DNS=${servers.join(' ')}`] : []),
      ...(domains.length ? [`Domains=${domains.join(' ')}`] : []),
      '',
    ];
    await draft.write('network', path, lines.join('\n'), { mode: 0o644 });
    return [path];
  }
  const lines = [
    ...(domains.length ? [`search ${domains.join(' ')}`] : []),
    ...servers.map((server) => `nameserver ${server}`),
    '',
  ];
  // a link leads to what is made anew at each start
  if (target !== '') await draft.replace('network', PATH, lines.join('\n'));
  else await draft.write('network', PATH, lines.join('\n'));
  return [PATH];
}
