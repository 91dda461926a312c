/** What the rules say: `check` and `policies`. */
import type { Command } from 'commander';
import {
  CommandError,
  DISK_FORMATS,
  type DiskFormat,
  KINDS,
  type CommandParams,
  type CommandResult,
  type EngineClient,
} from '../../src-engine/contract/index.ts';
import type { Session } from './session.ts';
import { countDisks } from './count-disks.ts';
import { collect, oneOf, wordOf } from './options.ts';
import { refuseExisting, saveWholeFile } from './save-file.ts';

/** The options of every command whose plan the rules judge. */
export interface RuleOptions {
  policy?: string;
  machine?: string;
  override?: string[];
}

interface CheckOptions extends RuleOptions {
  format?: DiskFormat;
  kind?: string;
  target?: string;
  html?: string;
  pdf?: string;
  overwrite?: boolean;
}

export function addRuleOptions(command: Command, help: (name: string) => string): Command {
  return command
    .option('--policy <id>', help('policy'))
    .option('--machine <profile>', help('machine'))
    .option('--override <code|rule>', help('override'), collect);
}

/** As the engine checks them: codes and ids that are none are refused there. */
export function ruleParams({ policy, machine, override }: RuleOptions) {
  return { policy, machine, overrides: override as CommandParams<'report.check'>['overrides'] };
}

export function addRuleCommands(
  program: Command,
  { printer, words }: Session,
  connect: () => Promise<EngineClient>,
): void {
  const help = (name: string) => words.t(`cli.help.${name}`);

  const check = program
    .command('check <source>')
    .description(help('check'))
    .option(`--format ${oneOf(DISK_FORMATS)}`, help('image-format'), wordOf('--format', DISK_FORMATS))
    .option(`--kind ${oneOf(KINDS)}`, help('kind'), wordOf('--kind', KINDS))
    .option('--target <target>', help('target'));
  addRuleOptions(check, help)
    .option('--html <file>', help('html'))
    .option('--pdf <file>', help('pdf'))
    .option('--overwrite', help('overwrite-report'))
    .action(async (subject: string, options: CheckOptions) => {
      const { format = null, kind, target, html, pdf, overwrite = false } = options;
      refuseExisting([html, pdf], overwrite);
      const client = await connect();
      const params = { subject, format, kind, target, ...ruleParams(options) } as CommandParams<'report.check'>;
      const report = await client.call('report.check', params);
      for (const [format, path] of [['html', html] as const, ['pdf', pdf] as const]) {
        if (path === undefined) continue;
        const { base64 } = await client.call('report.document', { report, format, language: words.language });
        await saveWholeFile(path, Buffer.from(base64, 'base64'), overwrite);
      }
      const block = report.lines.find(({ level }) => level === 'block');
      // what no rule is about, and the deploy itself would refuse: this machine's own disk, one that is mounted, one that is too small
      const plan = block || target === undefined ? null : await deployPlan(client, subject, target, options);
      const refused = plan?.checks.find(({ level }) => level === 'block');
      if (plan && refused) {
        printer.finding({ kind: 'deploy-plan', value: plan });
        const data = { ...refused.data, check: refused.code, path: target! };
        throw new CommandError({ code: 'PLAN_BLOCKED', message: refused.code, hint: '', data });
      }
      if (!block) return printer.result({ kind: 'report', value: report });
      printer.finding({ kind: 'report', value: report });
      throw blocked(report.lines.filter(({ level }) => level === 'block'));
    });

  program
    .command('policies [id]')
    .description(help('policies'))
    .action(async (policy?: string) => {
      const client = await connect();
      if (policy === undefined)
        return printer.result({ kind: 'policies', value: await client.call('policy.list', {}) });
      printer.result({ kind: 'policy', value: await client.call('policy.show', { policy }) });
    });
}

/** A plan only: nothing is started. The rules are asked about a template's first disk. */
async function deployPlan(client: EngineClient, template: string, target: string, options: CheckOptions) {
  const disk = (await countDisks(client, template)) > 1 ? 1 : undefined;
  const params = { template, disk, target, ...ruleParams(options) } as CommandParams<'deploy.plan'>;
  return client.call('deploy.plan', params);
}

function blocked(lines: CommandResult<'report.check'>['lines']): CommandError {
  const rules = lines.map(({ rule }) => rule);
  return new CommandError({
    code: 'PLAN_BLOCKED',
    message: rules.join(', '),
    hint: lines[0].reason.en,
    data: { check: rules[0], rules },
  });
}
