/** Every command of the command line: which call it makes, and what it prints. */
import type { Command } from 'commander';
import {
  DISK_FORMATS,
  type DiskFormat,
  KINDS,
  OUTSIDE_CHOICES,
  LICENCES,
  STATUSES,
  VISIBILITIES,
  type CommandParams,
  type EngineClient,
} from '../../src-engine/contract/index.ts';
import { completionOf, SHELLS } from './completion.ts';
import { addBootCommand } from './boot-commands.ts';
import { addDeployCommands } from './deploy-commands.ts';
import { addFileCommands } from './file-commands.ts';
import { followJob } from './follow-job.ts';
import { addProofOptions, proofParams, type ProofOptions } from './proof-options.ts';
import { addJobCommands } from './job-commands.ts';
import { tellStored } from './tell-stored.ts';
import { showPlans } from './show-plans.ts';
import { addMachineCommands } from './machine-commands.ts';
import { addOwedCommand } from './owed-commands.ts';
import { addVmCommands } from './vm-commands.ts';
import { collect, oneOf, wholeNumber, wordOf } from './options.ts';
import { addRuleCommands, addRuleOptions, ruleParams, type RuleOptions } from './rule-commands.ts';
import { addServeCommands } from './serve-commands.ts';
import { addTransferCommands } from './transfer-commands.ts';
import type { Session } from './session.ts';

export function addCommands(program: Command, session: Session): void {
  const { printer, words } = session;
  const help = (name: string) => words.t(`cli.help.${name}`);
  const connect = () => session.client();

  program
    .command('devices')
    .description(help('devices'))
    .action(async () => {
      const client = await connect();
      const [value, hypervisors] = await Promise.all([
        client.call('device.list', {}),
        client.call('vm.list', { host: null }),
      ]);
      // of who has none, and of what is missing, `vm list` tells
      const some = hypervisors.filter(({ machines }) => machines.length > 0);
      if (some.length > 0) printer.finding({ kind: 'hypervisors', value: some });
      printer.result({ kind: 'devices', value });
    });

  program
    .command('inspect <source>')
    .description(help('inspect'))
    .option(`--format ${oneOf(DISK_FORMATS)}`, help('image-format'), wordOf('--format', DISK_FORMATS))
    .action(async (source: string, { format = null }: { format?: DiskFormat | null }) => {
      const value = await (await connect()).call('source.inspect', { source, format });
      printer.result({ kind: 'inspection', value });
    });

  const capture = program
    .command('capture <sources...>')
    .description(help('capture'))
    .requiredOption('--name <name>', help('name'))
    .option(`--format ${oneOf(DISK_FORMATS)}`, help('image-format'), wordOf('--format', DISK_FORMATS))
    .option('--note <text>', help('note'))
    .option(`--kind ${oneOf(KINDS)}`, help('kind'), wordOf('--kind', KINDS))
    .option('--tag <tag>', help('tag'), collect)
    .option('--level <n>', help('level'), wholeNumber('--level', 1, 19))
    .option('--on-unreadable <stop|fill>', help('on-unreadable'), wordOf('--on-unreadable', ['stop', 'fill']))
    .option(`--outside ${oneOf(OUTSIDE_CHOICES)}`, help('outside'), wordOf('--outside', OUTSIDE_CHOICES))
    .option('--without <disk>', help('without'), collect)
    .option('--shut-down', help('shut-down'))
    .option('--shut-down-within <seconds>', help('shut-down-within'), wholeNumber('--shut-down-within', 1, 3600))
    .option('--live', help('live'))
    .option('--track-changes', help('track-changes'))
    .option('--plan', help('plan'));
  addRuleOptions(addProofOptions(capture, words), help).action(
    async ([source, ...others]: string[], options: CaptureOptions) => {
      const client = await connect();
      const {
        name,
        format,
        note,
        kind,
        tag: tags,
        level,
        onUnreadable,
        outside,
        live,
        trackChanges,
        without,
        plan: isPlanOnly,
      } = options;
      const { shutDown: isShutDown, shutDownWithin: withinSeconds } = options;
      const shutDown = isShutDown || withinSeconds !== undefined ? { withinSeconds } : null;
      const form = {
        name,
        format,
        note,
        kind,
        tags,
        level,
        onUnreadable,
        outside,
        shutDown,
        live,
        trackChanges,
        without,
      };
      const params = {
        source,
        others,
        ...form,
        bootProof: proofParams(options),
        ...ruleParams(options),
      } as CommandParams<'capture.plan'>;
      const plan = await client.call('capture.plan', params);
      const start = () => client.call('capture.start', { planId: plan.planId });
      if (isPlanOnly) return showPlans(printer, [{ kind: 'capture-plan', value: plan }], start);
      printer.event({ kind: 'capture-plan', value: plan });
      tellStored(printer, await followJob(client, printer, start));
    },
  );

  program
    .command('list')
    .description(help('list'))
    .option('--deleted', help('deleted'))
    .action(async ({ deleted = false }: { deleted?: boolean }) => {
      printer.result({ kind: 'templates', value: await (await connect()).call('template.list', { deleted }) });
    });

  program
    .command('show <template>')
    .description(help('show'))
    .action(async (template: string) => {
      printer.result({ kind: 'template', value: await (await connect()).call('template.show', { template }) });
    });

  program
    .command('edit <template>')
    .description(help('edit'))
    .option('--name <name>', help('name'))
    .option('--note <text>', help('note'))
    .option('--tag <tag>', help('tag'), collect)
    .option(`--status ${oneOf(STATUSES)}`, help('status'), wordOf('--status', STATUSES))
    .option(`--visibility ${oneOf(VISIBILITIES)}`, help('visibility'), wordOf('--visibility', VISIBILITIES))
    .option('--owner <name>', help('owner'))
    .option('--share <name>', help('share'), collect)
    .option(`--licence ${oneOf(LICENCES)}`, help('licence'), wordOf('--licence', LICENCES))
    .option('--policy <id>', help('policy'))
    .option('--no-policy', help('no-policy'))
    .action(async (template: string, { tag: tags, share, policy, ...changes }: EditOptions) => {
      const shared = share && { visibility: 'shared', sharedWith: share };
      const under = policy === undefined ? {} : { policy: policy || null };
      const params = { template, ...shared, ...changes, ...under, ...(tags && { tags }) };
      const value = await (await connect()).call('template.edit', params as CommandParams<'template.edit'>);
      const fields = Object.keys(params).filter((field) => field !== 'template');
      printer.result({ kind: 'template', value, done: { what: 'edited', name: template, fields } });
    });

  addDeployCommands(program, session, connect);

  for (const name of ['delete', 'undelete'] as const) {
    program
      .command(`${name} <template>`)
      .description(help(name))
      .action(async (template: string) => {
        const value = await (await connect()).call(`template.${name}`, { template });
        printer.result({ kind: 'template', value, done: { what: `${name}d`, name: template } });
      });
  }

  addFileCommands(program, printer, words, connect);
  addTransferCommands(program, session, connect);
  addRuleCommands(program, session, connect);
  addMachineCommands(program, session, connect);
  addVmCommands(program, session, connect);
  addOwedCommand(program, session, connect);

  program
    .command('verify [template]')
    .description(help('verify'))
    .action((template?: string) => runJob((client) => client.call('verify.start', { template: template ?? null })));
  program
    .command('prune')
    .description(help('prune'))
    .action(() => runJob((client) => client.call('prune.start', {})));
  program
    .command('repair')
    .description(help('repair'))
    .action(() => runJob((client) => client.call('repair.start', {})));

  async function runJob(start: (client: EngineClient) => Promise<{ jobId: string }>): Promise<void> {
    const client = await connect();
    printer.result({ kind: 'job', value: await followJob(client, printer, () => start(client)) });
  }

  addJobCommands(program, session, connect);

  program
    .command('log')
    .description(help('log'))
    .action(async () => {
      printer.result({ kind: 'log', value: await (await connect()).call('log.list', {}) });
    });

  addBootCommand(program, session, connect);
  addServeCommands(program, session, connect);

  program
    .command(`completion ${oneOf(SHELLS)}`)
    .description(help('completion'))
    .action((asked: string) => {
      const shell = wordOf('completion', SHELLS)(asked);
      printer.result({ kind: 'completion', value: { shell, script: completionOf(shell, program) } });
    });
}

interface EditOptions {
  tag?: string[];
  /** people: naming them shares it with them */
  share?: string[];
  /** false: the one of its kind again */
  policy?: string | false;
}

interface CaptureOptions
  extends
    RuleOptions,
    ProofOptions,
    Omit<CommandParams<'capture.plan'>, 'bootProof' | 'machine' | 'policy' | 'shutDown'> {
  shutDown?: boolean;
  shutDownWithin?: number;
  tag?: string[];
  plan?: boolean;
}
