/** What jobs whose process is gone still owe: `owed`. */
import type { Command } from 'commander';
import type { EngineClient } from '../../src-engine/contract/index.ts';
import type { Session } from './session.ts';

export function addOwedCommand(
  program: Command,
  { printer, words }: Session,
  connect: () => Promise<EngineClient>,
): void {
  const help = (name: string) => words.t(`cli.help.${name}`);
  program
    .command('owed')
    .description(help('owed'))
    .option('--again <id>', help('owed-again'))
    .option('--drop <id>', help('owed-drop'))
    .action(async ({ again, drop }: { again?: string; drop?: string }) => {
      const client = await connect();
      if (again !== undefined) await client.call('pledge.keep', { id: again });
      if (drop !== undefined) await client.call('pledge.drop', { id: drop });
      printer.result({ kind: 'owed', value: await client.call('pledge.list', {}) });
    });
}
