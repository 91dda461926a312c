/** Images in and templates out: `import` and `export`. */
import type { Command } from 'commander';
import {
  MAX_DISKS,
  DISK_FORMATS,
  type DiskFormat,
  EXPORT_FORMATS,
  FIRMWARES,
  KINDS,
  OUTSIDE_CHOICES,
  LICENCES,
  type CommandParams,
  type EngineClient,
} from '../../src-engine/contract/index.ts';
import { readPassword } from '../../src-engine/host/read-password.ts';
import type { Session } from './session.ts';
import { followJob } from './follow-job.ts';
import { showPlans } from './show-plans.ts';
import { badOption, collect, oneOf, wholeNumber, wordOf } from './options.ts';
import { addProofOptions, proofParams, type ProofOptions } from './proof-options.ts';
import { tellStored } from './tell-stored.ts';
import { addRuleOptions, ruleParams, type RuleOptions } from './rule-commands.ts';

type Form = 'note' | 'kind' | 'licence' | 'bootMode' | 'level' | 'outside' | 'maxRatio';

interface ImportOptions extends RuleOptions, ProofOptions, Partial<Pick<CommandParams<'import.plan'>, Form>> {
  entry?: string;
  disk?: number;
  format?: DiskFormat;
  passwordFile?: string;
  name?: string;
  tag?: string[];
  os?: string;
  cloudInit?: string;
  maxBytes?: number;
  look?: boolean;
  plan?: boolean;
}

interface ExportOptions {
  disk?: number;
  format: string;
  passwordFile?: string;
  overwrite?: boolean;
  plan?: boolean;
}

export function addTransferCommands(
  program: Command,
  { printer, words }: Session,
  connect: () => Promise<EngineClient>,
): void {
  const help = (name: string) => words.t(`cli.help.${name}`);

  const importing = program
    .command('import <file>')
    .description(help('import'))
    .option('--name <name>', help('name'))
    .option('--entry <name>', help('entry'))
    .option('--disk <n>', help('disk-of-image'), wholeNumber('--disk', 1, MAX_DISKS))
    .option(`--format ${oneOf(DISK_FORMATS)}`, help('image-format'), wordOf('--format', DISK_FORMATS))
    .option('--password-file <file>', help('password-file'))
    .option('--note <text>', help('note'))
    .option('--tag <tag>', help('tag'), collect)
    .option(`--kind ${oneOf(KINDS)}`, help('kind'), wordOf('--kind', KINDS))
    .option(`--licence ${oneOf(LICENCES)}`, help('licence'), wordOf('--licence', LICENCES))
    .option('--os <text>', help('os'))
    .option(`--boot-mode ${oneOf(FIRMWARES)}`, help('boot-mode'), wordOf('--boot-mode', FIRMWARES))
    .option('--cloud-init <yes|no>', help('cloud-init'), wordOf('--cloud-init', ['yes', 'no']))
    .option('--level <n>', help('level'), wholeNumber('--level', 1, 19))
    .option(`--outside ${oneOf(OUTSIDE_CHOICES)}`, help('outside'), wordOf('--outside', OUTSIDE_CHOICES))
    .option('--max-ratio <n>', help('max-ratio'), wholeNumber('--max-ratio', 1, 1_000_000_000))
    .option('--max-bytes <n>', help('max-bytes'), wholeNumber('--max-bytes', 1))
    .option('--look', help('look'))
    .option('--plan', help('plan'));
  addRuleOptions(addProofOptions(importing, words), help).action(async (path: string, options: ImportOptions) => {
    const { passwordFile, entry, disk, format, tag: tags, os, cloudInit, maxBytes, look, plan } = options;
    const { name, note, kind, licence, bootMode, level, outside, maxRatio } = options;
    const rest = { name, note, kind, licence, bootMode, level, outside, maxRatio, bootProof: proofParams(options) };
    const password = await passwordIn(passwordFile);
    const image = { path, entry: entry ?? null, disk, format: format ?? null, password };
    const client = await connect();
    if (look) return printer.result({ kind: 'import-view', value: await client.call('import.look', image) });
    if (options.name === undefined) throw badOption('--name', 'missing');
    const form = {
      operatingSystem: os,
      hasCloudInit: cloudInit === undefined ? undefined : cloudInit === 'yes',
      maxUnpackedBytes: maxBytes,
    };
    const params = { ...image, ...rest, ...form, tags, ...ruleParams(options) } as CommandParams<'import.plan'>;
    const value = await client.call('import.plan', params);
    const start = () => client.call('import.start', { planId: value.planId });
    if (plan) return showPlans(printer, [{ kind: 'import-plan', value }], start);
    printer.event({ kind: 'import-plan', value });
    tellStored(printer, await followJob(client, printer, start));
  });

  program
    .command('export <template> <file>')
    .description(help('export'))
    .requiredOption(`--format ${oneOf(EXPORT_FORMATS)}`, help('format'), wordOf('--format', EXPORT_FORMATS))
    .option('--disk <n>', help('disk'), wholeNumber('--disk', 1, MAX_DISKS))
    .option('--password-file <file>', help('password-file'))
    .option('--overwrite', help('overwrite'))
    .option('--plan', help('plan'))
    .action(async (template: string, path: string, { format, disk, passwordFile, overwrite, plan }: ExportOptions) => {
      const password = await passwordIn(passwordFile);
      const client = await connect();
      const params = { template, disk, path, format, password } as CommandParams<'export.plan'>;
      const value = await client.call('export.plan', params);
      const start = () => client.call('export.start', { planId: value.planId, overwrite });
      if (plan) return showPlans(printer, [{ kind: 'export-plan', value }], start);
      printer.event({ kind: 'export-plan', value });
      const job = await followJob(client, printer, start);
      printer.result({ kind: 'job', value: job });
    });
}

const passwordIn = async (path: string | undefined) => (path === undefined ? null : readPassword(path));
