/** What the parser of the command line says, in the words of its language. Source: commander, lib/command.js. */
import type { Words } from './words.ts';

const SAID: readonly [string, RegExp][] = [
  ['missing-argument', /^error: missing required argument '(.*)'/],
  ['missing-value', /^error: option '(.*)' argument missing/],
  ['missing-option', /^error: required option '(.*)' not specified/],
  ['unknown-option', /^error: unknown option '(.*)'/],
  ['too-many', /^error: too many arguments/],
  ['unknown-command', /^error: unknown command '(.*)'/],
];

/** @param text as commander writes it, with its line end; what it says otherwise stays as it is */
export function parserText({ t }: Words, text: string): string {
  for (const [key, pattern] of SAID) {
    const found = pattern.exec(text);
    if (!found) continue;
    const [, meant] = /\(Did you mean (?:one of )?(.*)\?\)/.exec(text) ?? [];
    const said = t(`cli.parser.${key}`, { value: found[1] ?? '' });
    return `${meant === undefined ? said : `${said}\n${t('cli.parser.meant', { value: meant })}`}\n`;
  }
  return text;
}
