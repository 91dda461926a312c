/** Virtual machines of the hypervisors that are here: `vm`. */
import type { Command } from 'commander';
import type { EngineClient } from '../../src-engine/contract/index.ts';
import type { Session } from './session.ts';

export function addVmCommands(
  program: Command,
  { printer, words }: Session,
  connect: () => Promise<EngineClient>,
): void {
  const help = (name: string) => words.t(`cli.help.${name}`);
  const vm = program.command('vm').description(help('vms'));

  vm.command('list', { isDefault: true })
    .description(help('vm-list'))
    .action(async () => {
      printer.result({ kind: 'hypervisors', value: await (await connect()).call('vm.list', {}) });
    });

  vm.command('show <place>')
    .description(help('vm-show'))
    .action(async (place: string) => {
      printer.result({ kind: 'vm', value: await (await connect()).call('vm.show', { place }) });
    });
}
