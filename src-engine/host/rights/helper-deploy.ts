/** The helper's deploys: plans are carried out as they stand in their records, by the jobs that carry out everybody's. */
import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { Feeds } from '../../jobs/deploy/feed.ts';
import { runDeploy } from '../../jobs/deploy/run.ts';
import type { DeployRecord } from '../../jobs/plan-records.ts';
import { BootEvidenceKeeper } from '../boot-evidence.ts';
import { CatalogHandle } from '../catalog-handle.ts';
import { giveToOwner } from '../catalog-owner.ts';
import { workerEntry } from '../engine-thread.ts';
import type { Person } from '../person.ts';
import { PLAN_LIFETIME_MS } from '../plans.ts';
import { withheld, type HelperRequest, type Say } from './helper-protocol.ts';
import { openPersonsFolder, showWithoutLinks } from './persons-folder.ts';

/** Between two words about bytes. */
const TELL_MS = 100;

/**
 * @param place where the catalog is to be seen
 * @throws EngineError `RIGHTS_WITHHELD`, and what opening a catalog throws; how each deploy ends is said
 */
export async function carryOutDeploys(
  request: HelperRequest & { task: 'deploy' },
  person: Person,
  place: string,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  request.records.forEach(refuseRecord);
  // in this namespace: the kernel binds nothing of another one
  const folder = openPersonsFolder(request.catalog, person);
  await showWithoutLinks(folder, place, signal).finally(() => closeSync(folder));
  const asPersonSees: Say = (message) => say(namedAs(message, place, request.catalog));
  const resources = fileURLToPath(new URL('../../resources', import.meta.url));
  let catalog: CatalogHandle | null = null;
  try {
    catalog = new CatalogHandle(place, workerEntry('./press-worker.ts', 'press.js'), resources, 'tell');
    const { parts } = catalog;
    const evidence = new BootEvidenceKeeper(() => parts.layout);
    const feeds = new Feeds(parts);
    say({ say: 'begun' });
    await Promise.all(
      request.records.map(async (record, part) => {
        const { context, end } = toldContext(part, asPersonSees, signal);
        try {
          const tell = (told: Parameters<typeof evidence.keep>[1]) => evidence.keep(record.planId, told);
          const result = await runDeploy(parts, record, feeds, tell, context);
          end();
          asPersonSees({ say: 'done', part, result });
        } catch (error) {
          end();
          asPersonSees({ say: 'failed', part, error: toEngineError(error).toView() });
        }
      }),
    );
  } catch (error) {
    asPersonSees({ say: 'refused', error: toEngineError(error).toView() });
  } finally {
    await catalog?.close();
    await giveToOwner(place, person);
  }
}

/**
 * Only a deploy to attached disks is carried out: nothing in its record is the path of a file.
 * @throws EngineError `RIGHTS_WITHHELD`; `PLAN_EXPIRED`
 */
function refuseRecord(record: DeployRecord): void {
  const { planId, expiresAt, target, request } = record;
  const leftMs = Date.parse(expiresAt) - Date.now();
  if (leftMs <= 0) throw new EngineError('PLAN_EXPIRED', { planId, expiresAt });
  const is = {
    'that lives too long': leftMs > PLAN_LIFETIME_MS,
    'that was refused': record.refusal !== null,
    'for a file': target.kind !== 'device',
    'for a virtual machine': record.vm !== null || request.served,
    'with an image format': request.diskFormat !== undefined,
    'with drivers of an ISO': record.putIn !== null || request.virtioDrivers !== undefined,
  };
  const why = Object.entries(is).find(([, applies]) => applies);
  if (why) throw withheld('plan', `a plan ${why[0]}`, target.path);
}

/** What is told of a job goes to the engine that shows it. Bytes are told a few times a second. */
function toldContext(part: number, say: Say, signal: AbortSignal): { context: JobContext; end(): void } {
  let bytes = 0;
  const tell = () => {
    if (bytes > 0) say({ say: 'advance', part, bytes });
    bytes = 0;
  };
  const timer = setInterval(tell, TELL_MS);
  return {
    context: {
      signal,
      phase(phase, totalBytes) {
        tell();
        say({ say: 'phase', part, phase, totalBytes });
      },
      advance: (more) => void (bytes += more),
      slowest: (what) => say({ say: 'slowest', part, what }),
      warn: (warning) => say({ say: 'warn', part, warning }),
    },
    end() {
      clearInterval(timer);
      tell();
    },
  };
}

/** The place is the helper's own: people know their catalog by its path. */
function namedAs<T>(message: T, place: string, catalog: string): T {
  const text = JSON.stringify(message, (_, value: unknown) =>
    typeof value === 'string' ? value.replaceAll(place, () => catalog) : value,
  );
  return JSON.parse(text) as T;
}
