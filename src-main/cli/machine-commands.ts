/** Machines that are here and elsewhere: `machine`. */
import type { Command } from 'commander';
import type { EngineClient, MachineProfile } from '../../src-engine/contract/index.ts';
import type { Session } from './session.ts';
import { refuseExisting, saveWholeFile } from './save-file.ts';

/** The word for the machine that this runs on. */
const THIS = 'this';

export function addMachineCommands(
  program: Command,
  { printer, words }: Session,
  connect: () => Promise<EngineClient>,
): void {
  const help = (name: string) => words.t(`cli.help.${name}`);
  const machine = program.command('machine').description(help('machines'));

  machine
    .command('show [name]', { isDefault: true })
    .description(help('machine-show'))
    .action(async (name: string = THIS) => {
      printer.result({ kind: 'machine', value: await profileOf(await connect(), name) });
    });

  machine
    .command('list')
    .description(help('machine-list'))
    .action(async () => {
      const client = await connect();
      const value = await client.call('machine.list', {});
      const refused = await client.call('machine.refused', {});
      if (refused.length > 0) printer.finding({ kind: 'machines-refused', value: refused });
      printer.result({ kind: 'machines', value });
    });

  machine
    .command('export <file>')
    .description(help('machine-export'))
    .option('--overwrite', help('overwrite-report'))
    .action(async (path: string, { overwrite = false }: { overwrite?: boolean }) => {
      refuseExisting([path], overwrite);
      const value = await (await connect()).call('machine.probe', {});
      await saveWholeFile(path, `${JSON.stringify(value, null, 2)}\n`, overwrite);
      printer.result({ kind: 'machine', value });
    });

  machine
    .command('import <file>')
    .description(help('machine-import'))
    .option('--name <name>', help('machine-name'))
    .option('--replace', help('machine-replace'))
    .action(async (path: string, { name, replace }: { name?: string; replace?: boolean }) => {
      const client = await connect();
      const read = await client.call('machine.read', { path });
      const profile = { ...read, name: name ?? read.name };
      printer.result({ kind: 'machine', value: await client.call('machine.save', { profile, replace }) });
    });

  machine
    .command('delete <name>')
    .description(help('machine-delete'))
    .action(async (name: string) => {
      const client = await connect();
      await client.call('machine.delete', { name });
      printer.result({ kind: 'machines', value: await client.call('machine.list', {}) });
    });
}

/** As `--machine` takes it: this one, a saved one, or one in a file. */
async function profileOf(client: EngineClient, name: string): Promise<MachineProfile> {
  if (name === THIS) return client.call('machine.probe', {});
  const saved = (await client.call('machine.list', {})).find((profile) => profile.name === name);
  return saved ?? client.call('machine.read', { path: name });
}
