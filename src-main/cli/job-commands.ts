/** `jobs`: what ran, how it ended, and what a boot proof of it showed. */
import type { Command } from 'commander';
import { CommandError, type EngineClient, type JobView } from '../../src-engine/contract/index.ts';
import { refuseExisting, saveWholeFile } from './save-file.ts';
import type { Session } from './session.ts';
import { wrong } from './wrong-option.ts';

interface ShowOptions {
  picture?: string;
  console?: string;
  target?: string;
  overwrite?: boolean;
}

export function addJobCommands(program: Command, session: Session, connect: () => Promise<EngineClient>): void {
  const { printer, words } = session;
  const help = (name: string) => words.t(`cli.help.${name}`);
  const jobs = program
    .command('jobs')
    .description(help('jobs'))
    .action(async () => {
      printer.result({ kind: 'jobs', value: await (await connect()).call('job.list', {}) });
    });
  jobs
    .command('show <job>')
    .description(help('jobs-show'))
    .option('--picture <file.png>', help('picture-of-job'))
    .option('--console <file.txt>', help('console-of-job'))
    .option('--target <path>', help('target-of-job'))
    .option('--overwrite', help('overwrite'))
    .action(async (job: string, { picture, console, target, overwrite = false }: ShowOptions) => {
      refuseExisting([picture, console], overwrite);
      const client = await connect();
      // as they are listed, ids are cut off
      const found = (await client.call('job.list', {})).filter(({ id }) => id.startsWith(job));
      const jobId = found.length === 1 ? found[0].id : job;
      if (found.length > 1) throw wrong(words.t('cli.wrong.job', { value: job }));
      if (found.length === 0) throw new CommandError({ code: 'JOB_NOT_FOUND', message: '', hint: '', data: { job } });
      const value = await client.call('job.show', { jobId });
      if (picture !== undefined || console !== undefined) {
        const evidence = await client.call('boot.evidence', { jobId: proofOf(value, target) });
        if (picture !== undefined && evidence.pictureBase64)
          await saveWholeFile(picture, Buffer.from(evidence.pictureBase64, 'base64'), overwrite);
        if (console !== undefined) await saveWholeFile(console, Buffer.from(evidence.console), overwrite);
      }
      printer.result({ kind: 'job', value });
    });
}

/** @param target its path; left out: the first that there is */
function proofOf({ id, parts }: JobView, target: string | undefined): string {
  const part = target === undefined ? parts[0] : parts.find(({ path }) => path === target);
  return part?.planId ?? id;
}
