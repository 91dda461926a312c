/** How the guest was set up when it was captured: what it goes on with where no option says otherwise. */
import type { NetworkCard, RecordedSettings } from '../../src-engine/contract/index.ts';
import { printable } from './printable.ts';
import type { Words } from './words.ts';

const FIELDS = ['hostname', 'domain', 'timezone', 'locale', 'keyboard'] as const;

export function recordedLines(words: Words, recorded: RecordedSettings | null): string[] {
  if (!recorded) return [];
  const { t, said } = words;
  const name = (field: string) => t(field === 'domain' ? 'inside.name.domain' : `guestChange.reason.${field}`);
  const lines = [
    ...FIELDS.filter((field) => recorded[field] !== '').map((field) => said(name(field), recorded[field])),
    ...recorded.network.map((card) => said(t('inside.network.card', { card: card.card }), cardText(words, card))),
    ...(recorded.users.length > 0 ? [said(name('users'), recorded.users.join(', '))] : []),
  ];
  return lines.length > 0 ? [t('cli.recorded'), ...lines.map((line) => `  ${printable(line)}`)] : [];
}

/** As `--network` takes it. */
function cardText({ t }: Words, { ipv4, ipv6, dns }: NetworkCard): string {
  const how = (ip: NetworkCard['ipv4'] | NetworkCard['ipv6'], version: string) =>
    typeof ip === 'string'
      ? t(`inside.network.${version}.${ip}`)
      : [...ip.addresses, ...(ip.gateway ? [`gateway=${ip.gateway}`] : [])].join(',');
  // that IPv6 sets itself up is how it is everywhere
  return [
    how(ipv4, 'v4'),
    ...(ipv6 === 'auto' ? [] : [`IPv6 ${how(ipv6, 'v6')}`]),
    ...dns.map((one) => `dns=${one}`),
  ].join(', ');
}
