/** Virtual machines of the hypervisors that are here: `vm`. */
import type { Command } from 'commander';
import type { EngineClient } from '../../src-engine/contract/index.ts';
import { wholeNumber } from './options.ts';
import type { Session } from './session.ts';

interface StopOptions {
  within?: number;
  hard?: boolean;
  confirm?: string;
}

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

  vm.command('start <place>')
    .description(help('vm-start'))
    .action(async (place: string) => {
      printer.result({ kind: 'vm', value: await (await connect()).call('vm.start', { place }) });
    });

  vm.command('stop <place>')
    .description(help('vm-stop'))
    .option('--within <seconds>', help('within'), wholeNumber('--within', 1, 3600))
    .option('--hard', help('hard'))
    .option('--confirm <name>', help('confirm-vm'))
    .action(async (place: string, { within: withinSeconds, hard, confirm }: StopOptions) => {
      const params = { place, withinSeconds, hard, confirm };
      printer.result({ kind: 'vm', value: await (await connect()).call('vm.stop', params) });
    });
}
