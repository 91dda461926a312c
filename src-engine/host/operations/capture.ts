/** From a disk to a version of a template. */
import { KeptLooks } from '../../inspection/kept-looks.ts';
import type { CaptureLook } from '../../jobs/capture/look.ts';
import { planCapture } from '../../jobs/capture/plan.ts';
import { runCapture } from '../../jobs/capture/run.ts';
import { CaptureRecordSchema, type CaptureRecord } from '../../jobs/plan-records.ts';
import { togetherContext } from '../../core/job-context.ts';
import { proveStored, refuseUnprovable, type Tell } from '../../jobs/prove-version.ts';
import { catalogClaim, sourceClaims, templateClaim } from '../claims.ts';
import { diskNames, PlannedWork } from '../planned-work.ts';
import { PLAN_LIFETIME_MS } from '../plans.ts';
import { together } from '../together.ts';
import type { Host, Operations } from './operations.ts';

export function captureOperations({ catalog, jobs, evidence }: Host): Operations<'capture.plan' | 'capture.start'> {
  const looks = new KeptLooks<CaptureLook>(PLAN_LIFETIME_MS);
  const captures = new PlannedWork(jobs, {
    schema: CaptureRecordSchema,
    about: (record) => ({
      kind: 'capture',
      templateName: record.request.name,
      path: pathsOf(record).join(', '),
      diskName: diskNames(sourcesOf(record)),
    }),
    claims: async (record) => [
      ...(
        await Promise.all(
          [record, ...record.others].map(({ source, files }) =>
            sourceClaims(catalog.machine, source.path, files, record.request.shutDown !== null),
          ),
        )
      ).flat(),
      templateClaim(record.request.name),
      catalogClaim('write'),
    ],
    parts: () => (record) =>
      together(pathsOf(record), async (contexts) => {
        const { parts } = catalog;
        const stored = await runCapture(parts, record, ...contexts);
        const tell: Tell = (told) => evidence.keep(record.planId, told);
        return proveStored(parts, stored, record.request.bootProof, tell, togetherContext(contexts));
      }),
  });
  return {
    'capture.plan': (params, signal) => {
      if (params.bootProof) refuseUnprovable(params.bootProof);
      catalog.make();
      return captures.plan((expiresAt) => planCapture(catalog.toWrite(), looks, params, expiresAt, signal));
    },
    'capture.start': (agreement) => captures.start([agreement]),
  };
}

const sourcesOf = ({ source, others }: CaptureRecord) => [source, ...others.map((other) => other.source)];
const pathsOf = (record: CaptureRecord) => sourcesOf(record).map(({ path }) => path);
