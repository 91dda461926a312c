/** Looking inside templates: `files` and `compare`. */
import type { Command } from 'commander';
import {
  CommandError,
  MAX_DISKS,
  type CommandParams,
  type EngineClient,
  type FileVolumeView,
} from '../../src-engine/contract/index.ts';
import { countDisks } from './count-disks.ts';
import { followJob } from './follow-job.ts';
import { oneOf, wholeNumber, wordOf } from './options.ts';
import type { Printer } from './printer.port.ts';
import type { Words } from './words.ts';

const SORTS = ['name', 'size', 'modified'] as const;
const PAGE = 10_000;

interface FilesOptions {
  disk?: number;
  volume?: string;
  extract?: string;
  sort?: (typeof SORTS)[number];
  reverse?: boolean;
}

export function addFileCommands(
  program: Command,
  printer: Printer,
  words: Words,
  connect: () => Promise<EngineClient>,
): void {
  const help = (name: string) => words.t(`cli.help.${name}`);

  program
    .command('files <template> [path]')
    .description(help('files'))
    .option('--disk <n>', help('disk'), wholeNumber('--disk', 1, MAX_DISKS))
    .option('--volume <ref>', help('volume'))
    .option('--extract <folder>', help('extract'))
    .option(`--sort ${oneOf(SORTS)}`, help('sort'), wordOf('--sort', SORTS))
    .option('--reverse', help('reverse'))
    .action(async (template: string, path: string | undefined, options: FilesOptions) => {
      const client = await connect();
      const place = await placeOf(client, template, options);
      if ('volumes' in place) {
        // at the top the question is what there is; below it cannot be answered
        if ((path ?? '/') === '/' && !options.extract && options.volume === undefined)
          return printer.result({ kind: 'file-volumes', value: place.volumes });
        throw await unclear(client, template, path ?? '/', place.volumes);
      }
      const { disk, volume } = place;
      if (options.extract !== undefined) {
        const params = { template, disk, volume, path: path ?? '/', destination: options.extract };
        const job = await followJob(client, printer, () => client.call('files.extract', params));
        return printer.result({ kind: 'job', value: job });
      }
      const params = { template, disk, volume, path: path ?? '/', sort: options.sort, isDescending: options.reverse };
      printer.result({ kind: 'files', value: await allPages(client, params) });
    });

  program
    .command('compare <before> <after>')
    .description(help('compare'))
    .option('--disk <n>', help('disk'), wholeNumber('--disk', 1, MAX_DISKS))
    .action(async (before: string, after: string, { disk }: { disk?: number }) => {
      const client = await connect();
      printer.result({ kind: 'comparison', value: await client.call('files.compare', { before, after, disk }) });
    });
}

/** @returns the volume that is meant, and its disk; or all volumes, where there are several, or none, and nobody said which */
async function placeOf(
  client: EngineClient,
  template: string,
  { disk, volume }: FilesOptions,
): Promise<{ disk: number | undefined; volume: string } | { volumes: FileVolumeView[] }> {
  const count = await countDisks(client, template);
  if (volume !== undefined && (disk !== undefined || count === 1)) return { disk, volume };
  const disks = disk === undefined && count > 1 ? Array.from({ length: count }, (_, i) => i + 1) : [disk];
  const volumes: FileVolumeView[] = [];
  for (const one of disks) volumes.push(...(await client.call('files.volumes', { template, disk: one })));
  const open = volumes.filter(({ refusal, ref }) => refusal === null && (volume === undefined || ref === volume));
  return open.length === 1 ? { disk: open[0].disk ?? disk, volume: open[0].ref } : { volumes };
}

/** Which of several volumes is meant, unless what was asked for is on none of them. */
async function unclear(
  client: EngineClient,
  template: string,
  path: string,
  volumes: readonly FileVolumeView[],
): Promise<CommandError> {
  let missing: CommandError | null = null;
  for (const { disk, ref: volume, refusal } of volumes) {
    if (refusal !== null) continue;
    const error = await client.call('files.list', { template, disk, volume, path, limit: 1 }).then(
      () => null,
      (thrown: unknown) => (thrown instanceof CommandError ? thrown : null),
    );
    if (error?.view.code !== 'NOT_FOUND') return volumeRequired(template, volumes);
    missing ??= error;
  }
  return missing ?? volumeRequired(template, volumes);
}

function volumeRequired(template: string, volumes: readonly FileVolumeView[]): CommandError {
  const open = volumes.filter(({ refusal }) => refusal === null);
  if (open.length === 0) return new CommandError({ code: 'NO_FILE_SYSTEM', message: '', hint: '', data: { template } });
  const isSeveral = new Set(volumes.map(({ disk }) => disk)).size > 1;
  const choices = open.map(({ disk, ref }) => `${isSeveral ? `--disk ${String(disk)} ` : ''}--volume ${ref}`);
  const data = { template, volumes: open.map(({ ref }) => ref), choices: choices.join(', ') };
  return new CommandError({ code: 'VOLUME_CHOICE_REQUIRED', message: '', hint: '', data });
}

async function allPages(client: EngineClient, params: CommandParams<'files.list'>) {
  const first = await client.call('files.list', { ...params, limit: PAGE });
  for (let offset = PAGE; offset < first.total; offset += PAGE) {
    first.entries.push(...(await client.call('files.list', { ...params, offset, limit: PAGE })).entries);
  }
  return first;
}
