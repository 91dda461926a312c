/** Every command of the command line: which call it makes, and what it prints. */
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import {
  DISK_FORMATS,
  MAX_DISKS,
  type DiskFormat,
  KINDS,
  OUTSIDE_CHOICES,
  DELTAS,
  DRIVER_BUSES,
  LICENCES,
  STATUSES,
  VISIBILITIES,
  type CommandParams,
  type DeployPlan,
  type EngineClient,
} from '../../src-engine/contract/index.ts';
import { addBootCommand } from './boot-commands.ts';
import { notBegun } from './cancellable.ts';
import { addFileCommands } from './file-commands.ts';
import { addGuestOptions, guestParams, type GuestOptions } from './guest-options.ts';
import { followJob } from './follow-job.ts';
import { planFile, savePlans } from './save-plans.ts';
import { addProofOptions, proofParams, type ProofOptions } from './proof-options.ts';
import { addJobCommands } from './job-commands.ts';
import { tellStored } from './tell-stored.ts';
import { showPlans } from './show-plans.ts';
import { addMachineCommands } from './machine-commands.ts';
import { addOwedCommand } from './owed-commands.ts';
import { addVmCommands } from './vm-commands.ts';
import { collect, oneOf, sizeOf, wholeNumber, wordOf } from './options.ts';
import { addRuleCommands, addRuleOptions, ruleParams, type RuleOptions } from './rule-commands.ts';
import { addServeCommands } from './serve-commands.ts';
import { addTransferCommands } from './transfer-commands.ts';
import type { Session } from './session.ts';
import { volumeChoice } from './volume-choices.ts';

export function addCommands(program: Command, session: Session): void {
  const { printer, words } = session;
  const help = (name: string) => words.t(`cli.help.${name}`);
  const connect = () => session.client();

  program
    .command('devices')
    .description(help('devices'))
    .action(async () => {
      printer.result({ kind: 'devices', value: await (await connect()).call('device.list', {}) });
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
    .option('--shut-down', help('shut-down'))
    .option('--shut-down-within <seconds>', help('shut-down-within'), wholeNumber('--shut-down-within', 1, 3600))
    .option('--live', help('live'))
    .option('--plan', help('plan'));
  addRuleOptions(addProofOptions(capture, words), help).action(
    async ([source, ...others]: string[], options: CaptureOptions) => {
      const client = await connect();
      const { name, format, note, kind, tag: tags, level, onUnreadable, outside, live, plan: isPlanOnly } = options;
      const { shutDown: isShutDown, shutDownWithin: withinSeconds } = options;
      const shutDown = isShutDown || withinSeconds !== undefined ? { withinSeconds } : null;
      const form = { name, format, note, kind, tags, level, onUnreadable, outside, shutDown, live };
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

  const deploy = program
    .command('deploy <template> [targets...]')
    .description(help('deploy'))
    .option('--disk <n>', help('disk'), wholeNumber('--disk', 1, MAX_DISKS))
    .option('--plan', help('plan'))
    .option('--save <file.txt|html|pdf>', help('save-plan'))
    .option('--confirm <serial|path>', help('confirm'), collect)
    .option('--overwrite', help('overwrite'))
    .option('--size <size>', help('size'), sizeOf('--size'))
    .option('--volume <volume=size>', help('volume-size'), collect)
    .option('--exact', help('exact'))
    .option(`--delta ${oneOf(DELTAS)}`, help('delta'), wordOf('--delta', DELTAS))
    .option('--resume', help('resume'))
    .option('--no-fallback-loader', help('no-fallback-loader'))
    .option('--drivers <all|keep>', help('drivers'), wordOf('--drivers', ['all', 'keep']))
    .option(`--target-bus ${oneOf(DRIVER_BUSES)}`, help('target-bus'), wordOf('--target-bus', DRIVER_BUSES))
    .option('--efi-entry', help('efi-entry'));
  addGuestOptions(addProofOptions(deploy, words), words);
  addRuleOptions(deploy, help).action(async (template: string, targets: string[], options: DeployOptions) => {
    const client = await connect();
    const { disk, size: lengthBytes, volume = [], exact, delta, resume, efiEntry, drivers, targetBus: bus } = options;
    const bootProof = proofParams(options);
    const fallbackLoader = options.fallbackLoader === false ? ('keep' as const) : undefined;
    const document = planFile(options, words);
    const inside = await guestParams(targets, options, words, client);
    const volumes = volume.map(volumeChoice);
    const fitting = { volumes, exact, delta, resume, fallbackLoader, efiEntry, bus, drivers };
    const how = { disk, lengthBytes, ...fitting, bootProof, ...inside };
    const plans = await client.call('deploy.planAll', { template, ...how, ...ruleParams(options) });
    if (document) await savePlans(client, plans, document, words);
    if (options.plan) {
      const refused = plans.find(({ canRun }) => !canRun);
      const shown = plans.map((value) => ({ kind: 'deploy-plan', value }) as const);
      return showPlans(printer, shown, () => client.call('deploy.start', { planId: refused!.planId }));
    }
    // all are shown and agreed to, and the plans that were shown are those that run: nothing is written before
    const starts: Agreed[] = [];
    for (const plan of plans) {
      printer.event({ kind: 'deploy-plan', value: plan });
      const { planId } = plan;
      if (!plan.canRun) await client.call('deploy.start', { planId });
      starts.push({ planId, ...(await ask(session, plan, plans, options)) });
    }
    const job = await followJob(client, printer, () => client.call('deploy.startAll', { starts }));
    tellStored(printer, job);
  });

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

interface DeployOptions extends RuleOptions, GuestOptions, ProofOptions {
  disk?: number;
  plan?: boolean;
  confirm?: string[];
  overwrite?: boolean;
  size?: number;
  delta?: (typeof DELTAS)[number];
  resume?: boolean;
  volume?: string[];
  exact?: boolean;
  fallbackLoader?: boolean;
  efiEntry?: boolean;
  drivers?: 'all' | 'keep';
  targetBus?: (typeof DRIVER_BUSES)[number];
}

/** What a person, or an option, has said of one target. */
interface Agreed extends Agreement {
  planId: string;
}

interface Agreement {
  confirm?: string;
  overwrite?: boolean;
}

/**
 * On a terminal, a person is asked for what was not given; elsewhere the engine refuses.
 * @param plans of all targets: a word that names another is none for this one
 */
async function ask(
  session: Session,
  plan: DeployPlan,
  plans: readonly DeployPlan[],
  options: DeployOptions,
): Promise<Agreement> {
  const words = options.confirm ?? [];
  const { overwrite } = options;
  const names = (word: string) => (one: DeployPlan) => one.confirmWords.includes(word);
  const confirm = words.find((word) => names(word)(plan)) ?? words.find((word) => !plans.some(names(word)));
  const needsWord = plan.confirmWords.length > 0 && confirm === undefined;
  const needsYes = plan.needsOverwrite && !overwrite;
  if (!session.isInteractive || !(needsWord || needsYes)) return { confirm, overwrite };
  const { t } = session.words;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    if (needsWord) {
      const typed = await terminal.question(t('cli.confirm', { words: plan.confirmWords.join(t('cli.or')) }));
      return { confirm: typed.trim(), overwrite };
    }
    const answer = await terminal.question(t('cli.confirm-overwrite', { path: plan.target.path }));
    return { confirm, overwrite: answer.trim() === t('cli.yes') };
  } catch {
    // Ctrl-C or Ctrl-D at the question
    throw notBegun();
  } finally {
    terminal.close();
  }
}
