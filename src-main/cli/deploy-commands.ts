/** From a template to disks, image files and virtual machines: `deploy`, `reload`. */
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import {
  DELTAS,
  DRIVER_BUSES,
  MAX_DISKS,
  type DeployPlan,
  type EngineClient,
} from '../../src-engine/contract/index.ts';
import { notBegun } from './cancellable.ts';
import { followJob } from './follow-job.ts';
import { addGuestOptions, guestParams, type GuestOptions } from './guest-options.ts';
import { addVmOptions, machineParams, type VmOptions } from './new-vm-options.ts';
import { collect, oneOf, sizeOf, wholeNumber, wordOf } from './options.ts';
import { addProofOptions, type ProofOptions } from './proof-options.ts';
import { addRuleOptions, ruleParams, type RuleOptions } from './rule-commands.ts';
import { planFile, savePlans } from './save-plans.ts';
import type { Session } from './session.ts';
import { showPlans } from './show-plans.ts';
import { tellStored } from './tell-stored.ts';
import { volumeChoice } from './volume-choices.ts';
import type { Words } from './words.ts';

export function addDeployCommands(program: Command, session: Session, connect: () => Promise<EngineClient>): void {
  const { words } = session;
  const help = (name: string) => words.t(`cli.help.${name}`);

  const deploy = program
    .command('deploy <template> [targets...]')
    .description(help('deploy'))
    .option('--reload', help('reload-option'));
  addVmOptions(addOptions(deploy, words), words).action(
    async (template: string, targets: string[], options: DeployOptions) =>
      run(session, await connect(), template, targets, options),
  );

  const reload = program.command('reload <machine> <template>').description(help('reload'));
  addOptions(reload, words).option('--start', help('start-made')).option('--keep-old-disk', help('keep-old-disk'));
  reload.action(async (machine: string, template: string, options: DeployOptions) =>
    run(session, await connect(), template, [machine], { ...options, reload: true }),
  );
}

/** Of all targets. */
function addOptions(command: Command, words: Words): Command {
  const help = (name: string) => words.t(`cli.help.${name}`);
  command
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
    .option('--virtio-drivers <file.iso>', help('virtio-drivers'))
    .option(`--target-bus ${oneOf(DRIVER_BUSES)}`, help('target-bus'), wordOf('--target-bus', DRIVER_BUSES))
    .option('--efi-entry', help('efi-entry'));
  return addRuleOptions(addGuestOptions(addProofOptions(command, words), words), help);
}

/** @throws CommandError with what stands against it */
async function run(
  session: Session,
  client: EngineClient,
  template: string,
  targets: string[],
  options: DeployOptions,
): Promise<void> {
  const { printer, words } = session;
  const { disk, size: lengthBytes, volume = [], exact, delta, resume, efiEntry, drivers, targetBus: bus } = options;
  const { virtioDrivers } = options;
  const fallbackLoader = options.fallbackLoader === false ? ('keep' as const) : undefined;
  const document = planFile(options, words);
  const inside = await guestParams(targets, options, words, client);
  const machines = machineParams(inside.targets, options);
  const volumes = volume.map(volumeChoice);
  const fitting = { volumes, exact, delta, resume, fallbackLoader, efiEntry, bus, drivers, virtioDrivers };
  const how = { disk, lengthBytes, ...fitting, ...machines, ...inside };
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
  if (options.instant) await followStreams(session, client, plans);
  tellStored(printer, job);
}

/** What machines that have started still need comes into their disks as long as this runs. */
async function followStreams({ printer }: Session, client: EngineClient, plans: readonly DeployPlan[]): Promise<void> {
  const places = plans.map(({ vm }) => vm?.place);
  for (const { place, jobId } of await client.call('vm.served', {})) {
    if (jobId !== null && places.includes(place)) await followJob(client, printer, () => Promise.resolve({ jobId }));
  }
}

interface DeployOptions extends RuleOptions, GuestOptions, ProofOptions, VmOptions {
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
  virtioDrivers?: string;
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
