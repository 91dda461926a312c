/** What a guest was captured with, as the form begins with it: seen, edited, and no change as long as it is left as it is. */
import type { NetworkCard, RecordedSettings } from '../../../../src-engine/contract/index.ts';
import { newCard, newUser, NAMED, type CardForm, type InsideForm, type UserForm } from './inside-form.ts';

/** Fields that nobody has typed in show what the guest has. */
export function adopt(form: InsideForm, recorded: RecordedSettings | null): void {
  const before = form.recorded;
  form.recorded = recorded;
  for (const field of NAMED) {
    if (form[field].trim() === (before?.[field] ?? '')) form[field] = recorded?.[field] ?? '';
  }
}

const listed = (items: readonly string[]) => items.join(', ');

export function cardFormOf({ card, ipv4, ipv6, dns, searchDomains }: NetworkCard): CardForm {
  const four = typeof ipv4 === 'string' ? null : ipv4;
  const six = typeof ipv6 === 'string' ? null : ipv6;
  return {
    ...newCard(1),
    card,
    ipv4: typeof ipv4 === 'string' ? ipv4 : 'static',
    addresses4: listed(four?.addresses ?? []),
    gateway4: four?.gateway ?? '',
    ipv6: typeof ipv6 === 'string' ? ipv6 : 'static',
    addresses6: listed(six?.addresses ?? []),
    gateway6: six?.gateway ?? '',
    dns: listed(dns),
    search: listed(searchDomains),
  };
}

export const userFormOf = (name: string): UserForm => ({ ...newUser(), name });
