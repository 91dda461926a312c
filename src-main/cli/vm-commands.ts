/** Virtual machines of the hypervisors that are here: `vm`. */
import type { Command } from 'commander';
import type { EngineClient } from '../../src-engine/contract/index.ts';
import { followJob } from './follow-job.ts';
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
}
