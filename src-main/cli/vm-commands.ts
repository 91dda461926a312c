/** Virtual machines of the hypervisors that are here: `vm`. */
import type { Command } from 'commander';
import type { EngineClient } from '../../src-engine/contract/index.ts';
import { byDefault } from './by-default.ts';
import { followJob } from './follow-job.ts';
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

  byDefault(vm, 'list')
    .description(help('vm-list'))
    .option('--host <host>', help('vm-host'))
    .action(async ({ host }: { host?: string }) => {
      printer.result({ kind: 'hypervisors', value: await (await connect()).call('vm.list', host ? { host } : {}) });
    });

  vm.command('served')
    .description(help('vm-served'))
    .action(async () => {
      printer.result({ kind: 'served', value: await (await connect()).call('vm.served', {}) });
    });

  vm.command('stream <machine>')
    .description(help('vm-stream'))
    .action(async (machine: string) => {
      const client = await connect();
      const found = (await client.call('vm.served', {})).find(({ id, place }) => machine === id || machine === place);
      const start = () => client.call('vm.stream', { id: found?.id ?? machine });
      printer.result({ kind: 'job', value: await followJob(client, printer, start) });
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

  const hosts = vm.command('hosts').description(help('vm-hosts'));
  byDefault(hosts, 'list', { hidden: true }).action(async () => {
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
