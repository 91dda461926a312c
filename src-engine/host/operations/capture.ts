/** From a disk to a version of a template. */
import { KeptLooks } from '../../inspection/kept-looks.ts';
import type { CaptureLook } from '../../jobs/capture/look.ts';
import { planCapture } from '../../jobs/capture/plan.ts';
import { runCapture } from '../../jobs/capture/run.ts';
import { CaptureRecordSchema, type CaptureRecord } from '../../jobs/plan-records.ts';
import { catalogClaim, sourceClaims, templateClaim } from '../claims.ts';
import { PlannedWork } from '../planned-work.ts';
import { PLAN_LIFETIME_MS } from '../plans.ts';
import { together } from '../together.ts';
import type { Host, Operations } from './operations.ts';

export function captureOperations({ catalog, jobs }: Host): Operations<'capture.plan' | 'capture.start'> {
  const looks = new KeptLooks<CaptureLook>(PLAN_LIFETIME_MS);
  const captures = new PlannedWork(jobs, {
    schema: CaptureRecordSchema,
    about: (record) => ({ kind: 'capture', templateName: record.request.name, path: pathsOf(record).join(', ') }),
    claims: async (record) => [
      ...(
        await Promise.all(
          [record, ...record.others].map(({ source, files }) => sourceClaims(catalog.machine, source.path, files)),
        )
      ).flat(),
      templateClaim(record.request.name),
      catalogClaim('write'),
    ],
    parts: () => (record) => together(pathsOf(record), (contexts) => runCapture(catalog.parts, record, ...contexts)),
  });
  return {
    'capture.plan': (params, signal) =>
      captures.plan((expiresAt) => planCapture(catalog.make(), looks, params, expiresAt, signal)),
    'capture.start': (agreement) => captures.start([agreement]),
  };
}

const pathsOf = ({ source, others }: CaptureRecord) =>
  [source, ...others.map((other) => other.source)].map(({ path }) => path);
