/** `boot`: a template, an image file or a disk is started, and what it showed is told. */
import type { Command } from 'commander';
import { DISK_FORMATS, type DiskFormat, type EngineClient } from '../../src-engine/contract/index.ts';
import { followJob } from './follow-job.ts';
import { oneOf, wordOf } from './options.ts';
import { addHowToStart, howToStart, type HowToStart } from './proof-options.ts';
import { refuseExisting, saveWholeFile } from './save-file.ts';
import type { Session } from './session.ts';

interface BootOptions extends HowToStart {
  picture?: string;
  overwrite?: boolean;
  format?: DiskFormat;
}

export function addBootCommand(program: Command, session: Session, connect: () => Promise<EngineClient>): void {
  const { printer, words } = session;
  const help = (name: string) => words.t(`cli.help.${name}`);
  const boot = program.command('boot <subject>').description(help('boot'));
  addHowToStart(boot, words)
    .option('--picture <file.png>', help('picture'))
    .option('--overwrite', help('overwrite'))
    .option(`--format ${oneOf(DISK_FORMATS)}`, help('image-format'), wordOf('--format', DISK_FORMATS))
    .action(async (subject: string, options: BootOptions) => {
      const { picture, format = null } = options;
      const params = { subject, format, ...howToStart(options) };
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
