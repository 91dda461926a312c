/** What the parser says of a command that is none, in the words of each language: commander itself is asked. */
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { byDefault } from '../../../src-main/cli/by-default.ts';
import { parserText } from '../../../src-main/cli/parser-words.ts';
import { createWords } from '../../../src-main/cli/words.ts';

function said(language: 'en' | 'fr', ...args: string[]): string {
  let text = '';
  const words = createWords(language);
  const program = new Command('diskpress').exitOverride().configureOutput({
    writeErr: (piece) => (text += piece),
    outputError: (piece, write) => write(parserText(words, piece)),
  });
  program.command('deploy <template>').option('--size <size>').allowExcessArguments(false);
  const vm = program.command('vm');
  vm.command('show <place>');
  byDefault(vm, 'list').action(() => {});
  program.command('import <file>').requiredOption('--name <name>');
  expect(() => program.parse(args, { from: 'user' })).toThrow();
  return text;
}

test.each([
  [['deploy'], 'missing required argument', 'il manque l’argument «\u202ftemplate\u202f»'],
  [['deploy', 'x', '--size'], 'argument missing', '«\u202f--size <size>\u202f» attend une valeur'],
  [['deploy', 'x', '--what'], 'unknown option', 'option inconnue «\u202f--what\u202f»'],
  [['deploy', 'x', 'y'], 'too many arguments', 'trop d’arguments'],
  [['vm', 'frob'], "unknown command 'frob'", 'commande inconnue «\u202ffrob\u202f»'],
  [['vm', 'list', 'frob'], 'too many arguments', 'trop d’arguments'],
  [['import', 'x'], 'required option', 'est obligatoire'],
  [['deplo', 'x'], "unknown command 'deplo'\n(Did you mean deploy?)", 'Vouliez-vous dire deploy\u202f?'],
])('%j', (args, english, french) => {
  expect(said('en', ...args)).toContain(english);
  expect(said('fr', ...args)).toContain(french);
  expect(said('fr', ...args)).not.toMatch(/error|option '|argument '/);
});
