/** Boot proofs. Nothing is changed by one, so none is planned. */
import { randomUUID } from 'node:crypto';
import { refuseNoMachine } from '../../jobs/prove-version.ts';
import { runBootOfPlace, runBootOfVersion } from '../../jobs/boot/run.ts';
import type { JobContext } from '../../core/job-context.ts';
import { catalogClaim, placeClaim } from '../claims.ts';
import { templateNamed } from './named-template.ts';
import type { Host, Operations } from './operations.ts';

export function bootOperations({
  catalog,
  jobs,
  evidence,
  makeRoomToRecord,
}: Host): Operations<'boot.start' | 'boot.evidence'> {
  return {
    'boot.start': async ({ subject, format, ...choice }) => {
      refuseNoMachine(choice);
      await makeRoomToRecord();
      const id = randomUUID();
      const tell = (told: Parameters<typeof evidence.keep>[1]) => evidence.keep(id, told);
      const template = templateNamed(catalog, subject);
      if (template) {
        const about = { kind: 'boot', templateName: template.template.name, path: '' } as const;
        const run = (context: JobContext) => runBootOfVersion(catalog.parts, template, choice, tell, context);
        return { jobId: jobs.start(about, [catalogClaim('write')], [{ path: '', run }], id) };
      }
      const { path } = await catalog.machine.placeOf(subject);
      // a job is written down
      catalog.make();
      const run = (context: JobContext) => runBootOfPlace(catalog.parts, path, format, choice, tell, context);
      const claims = [await placeClaim(catalog.machine, 'source', path)];
      return { jobId: jobs.start({ kind: 'boot', templateName: '', path }, claims, [{ path, run }], id) };
    },
    'boot.evidence': ({ jobId }) => evidence.of(jobId),
  };
}
