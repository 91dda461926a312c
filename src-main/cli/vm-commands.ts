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
    .option('--host <host>', help('vm-host'))
    .action(async ({ host }: { host?: string }) => {
      printer.result({ kind: 'hypervisors', value: await (await connect()).call('vm.list', host ? { host } : {}) });
    });

  vm.command('show <place>')
    .description(help('vm-show'))
    .action(async (place: string) => {
      printer.result({ kind: 'vm', value: await (await connect()).call('vm.show', { place }) });
    });

  const hosts = vm.command('hosts').description(help('vm-hosts'));
  hosts.command('list', { isDefault: true, hidden: true }).action(async () => {
    printer.result({ kind: 'hosts', value: await (await connect()).call('host.list', {}) });
  });
  hosts
    .command('add <host>')
    .description(help('vm-hosts-add'))
    .action(async (host: string) => {
      printer.result({ kind: 'hosts', value: await (await connect()).call('host.save', { host }) });
    });
  hosts
    .command('delete <host>')
    .description(help('vm-hosts-delete'))
    .action(async (host: string) => {
      printer.result({ kind: 'hosts', value: await (await connect()).call('host.delete', { host }) });
    });
}
