/** How a deployed disk starts a machine: a line for each link of its chains, with what was proven and what was not. */
import type { BootLink } from '../../src-engine/contract/index.ts';
import { printable } from './printable.ts';
import type { Words } from './words.ts';

const MARKS: Readonly<Record<string, string>> = { proven: '=', mended: '+', unproven: '?', broken: '!' };

export function bootChainLines(words: Words, title: string, links: readonly BootLink[]): string[] {
  return links.length === 0 ? [] : [title, ...links.map((link) => linkLine(words, link))];
}

function linkLine({ t, shared, said }: Words, { firmware, state, code, data }: BootLink): string {
  const reason = typeof data.reason === 'string' ? shared(`bootChain.reason.${data.reason}`, data.reason) : '';
  const isKnown = shared(`bootChain.link.${code}`, '') !== '';
  const text = t(`bootChain.link.${isKnown ? code : 'unknown'}`, { ...data, reason });
  const what = `${t(`bootChain.firmware.${firmware}`)}, ${t(`bootChain.state.${state}`)}`;
  return printable(`  ${MARKS[state] ?? '?'} ${said(what, text)}`);
}
