/** From a disk to a version of a template. */
import { planCapture } from '../../jobs/capture/plan.ts';
import { runCapture } from '../../jobs/capture/run.ts';
import { CaptureRecordSchema } from '../../jobs/plan-records.ts';
import { catalogClaim, sourceClaims, templateClaim } from '../claims.ts';
import { PlannedWork } from '../planned-work.ts';
import type { Host, Operations } from './operations.ts';

export function captureOperations({ catalog, jobs }: Host): Operations<'capture.plan' | 'capture.start'> {
  const captures = new PlannedWork(jobs, {
    schema: CaptureRecordSchema,
    about: ({ request, source }) => ({ kind: 'capture', templateName: request.name, path: source.path }),
    claims: async ({ request, source, files }) => [
      ...(await sourceClaims(catalog.machine, source.path, files)),
      templateClaim(request.name),
      catalogClaim('write'),
    ],
    run: (record, context) => runCapture(catalog.parts, record, context),
  });
  return {
    'capture.plan': (params, signal) =>
      captures.plan((expiresAt) => planCapture(catalog.make(), params, expiresAt, signal)),
    'capture.start': (agreement) => captures.start([agreement]),
  };
}
