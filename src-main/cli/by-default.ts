/** A subcommand that is meant where none is named. */
import type { Command } from 'commander';

/** @returns it, without arguments: a word that stands there instead is told as a subcommand that is none, which commander does not see */
export function byDefault(parent: Command, name: string, options: { hidden?: boolean } = {}): Command {
  return parent
    .command(name, { ...options, isDefault: true })
    .allowExcessArguments()
    .hook('preAction', (_, command) => {
      if (command.args.length === 0) return;
      if (parent.args[0] === name) command.error('error: too many arguments', { code: 'commander.excessArguments' });
      parent.error(`error: unknown command '${command.args[0]}'`, { code: 'commander.unknownCommand' });
    });
}
