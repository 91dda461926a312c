/** `boot`: a template, an image file or a disk is started, and what it showed is told. */
import type { Command } from 'commander';
import {
  DISK_BUSES,
  DISK_FORMATS,
  FIRMWARES,
  type CommandParams,
  type EngineClient,
} from '../../src-engine/contract/index.ts';
import { followJob } from './follow-job.ts';
import { refuseExisting, saveWholeFile } from './save-file.ts';
import type { Session } from './session.ts';

const MIB = 1024 * 1024;
const oneOf = (values: readonly string[]) => `<${values.join('|')}>`;

interface BootOptions {
  firmware?: string;
  secureBoot?: boolean;
  memory?: number;
  bus?: string;
  until?: string;
  timeout?: number;
  picture?: string;
  overwrite?: boolean;
  acceleration: boolean;
  format?: string;
}

export function addBootCommand(program: Command, session: Session, connect: () => Promise<EngineClient>): void {
  const { printer, words } = session;
  const help = (name: string) => words.t(`cli.help.${name}`);
  program
    .command('boot <subject>')
    .description(help('boot'))
    .option(`--firmware ${oneOf(FIRMWARES)}`, help('firmware'))
    .option('--secure-boot', help('secure-boot'))
    .option('--memory <mib>', help('memory'), Number)
    .option(`--bus ${oneOf(DISK_BUSES)}`, help('bus'))
    .option('--until <login|desktop|text>', help('until'))
    .option('--timeout <s>', help('timeout'), Number)
    .option('--picture <file.png>', help('picture'))
    .option('--overwrite', help('overwrite'))
    .option('--no-acceleration', help('no-acceleration'))
    .option(`--format ${oneOf(DISK_FORMATS)}`, help('image-format'))
    .action(async (subject: string, options: BootOptions) => {
      const { firmware, secureBoot, memory, bus, until, timeout, picture, acceleration, format } = options;
      const params = {
        subject,
        firmware,
        isSecureBoot: secureBoot,
        memoryBytes: memory === undefined ? undefined : memory * MIB,
        bus,
        until,
        timeoutSeconds: timeout,
        isAccelerated: acceleration,
        format,
      } as CommandParams<'boot.start'>;
      refuseExisting([picture], options.overwrite === true);
      const client = await connect();
      let started: { jobId: string } | null = null;
      const start = async () => (started = await client.call('boot.start', params));
      try {
        const job = await followJob(client, printer, start);
        printer.result({ kind: 'job', value: job });
      } finally {
        // what did not come up has a picture too
        const { jobId } = started ?? { jobId: null };
        if (picture !== undefined && jobId !== null)
          await savePicture(client, jobId, picture, options.overwrite === true);
      }
    });
}

async function savePicture(client: EngineClient, jobId: string, path: string, overwrite: boolean): Promise<void> {
  const evidence = await client.call('boot.evidence', { jobId }).catch(() => null);
  if (evidence?.pictureBase64) await saveWholeFile(path, Buffer.from(evidence.pictureBase64, 'base64'), overwrite);
}
