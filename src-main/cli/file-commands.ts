/** Looking inside templates: `files` and `compare`. */
import type { Command } from 'commander';
import {
  CommandError,
  type CommandParams,
  type EngineClient,
  type FileVolumeView,
} from '../../src-engine/contract/index.ts';
import { followJob } from './follow-job.ts';
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
    .option('--disk <n>', help('disk'), Number)
    .option('--volume <ref>', help('volume'))
    .option('--extract <folder>', help('extract'))
    .option(`--sort <${SORTS.join('|')}>`, help('sort'))
    .option('--reverse', help('reverse'))
    .action(async (template: string, path: string | undefined, options: FilesOptions) => {
      const client = await connect();
      const { disk } = options;
      const volume = options.volume ?? (await onlyVolume(client, template, disk));
      if (volume === null) {
        // without a path the question is what there is; with one it cannot be answered
        const volumes = await client.call('files.volumes', { template, disk });
        if (path === undefined && !options.extract) return printer.result({ kind: 'file-volumes', value: volumes });
        throw volumeRequired(volumes);
      }
      if (options.extract !== undefined) {
        const params = { template, disk, volume, path: path ?? '/', destination: options.extract };
        const job = await followJob(client, printer, () => client.call('files.extract', params));
        return printer.result({ kind: 'job', value: job });
      }
      const place = { template, disk, volume, path: path ?? '/' };
      const params = { ...place, sort: options.sort, isDescending: options.reverse };
      printer.result({ kind: 'files', value: await allPages(client, params) });
    });

  program
    .command('compare <before> <after>')
    .description(help('compare'))
    .option('--disk <n>', help('disk'), Number)
    .action(async (before: string, after: string, { disk }: { disk?: number }) => {
      const client = await connect();
      printer.result({ kind: 'comparison', value: await client.call('files.compare', { before, after, disk }) });
    });
}

/** @returns the volume that is meant where none is named; null where there are several, or none */
async function onlyVolume(client: EngineClient, template: string, disk: number | undefined): Promise<string | null> {
  const open = (await client.call('files.volumes', { template, disk })).filter(({ refusal }) => refusal === null);
  return open.length === 1 ? open[0].ref : null;
}

function volumeRequired(volumes: readonly FileVolumeView[]): CommandError {
  const refs = volumes.filter(({ refusal }) => refusal === null).map(({ ref }) => ref);
  const message = `--volume: ${refs.join(', ')}`;
  return new CommandError({
    code: 'BAD_REQUEST',
    message,
    hint: '',
    data: { field: '--volume', reason: refs.join(', ') },
  });
}

async function allPages(client: EngineClient, params: CommandParams<'files.list'>) {
  const first = await client.call('files.list', { ...params, limit: PAGE });
  for (let offset = PAGE; offset < first.total; offset += PAGE) {
    first.entries.push(...(await client.call('files.list', { ...params, offset, limit: PAGE })).entries);
  }
  return first;
}
