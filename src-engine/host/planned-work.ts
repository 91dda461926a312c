/** From a plan to its job, the same way for every kind: made and kept, found again, agreed to or refused, used once, started. */
import type { z } from 'zod';
import type { PlaceView } from '../contract/disk.contract.ts';
import type { JobAbout } from '../contract/job.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import type { Planned, PlanRecord } from '../jobs/plan-records.ts';
import type { Claim } from './claims.ts';
import type { JobRunner } from './job-runner.ts';
import type { PartWork } from './live-job.ts';
import { Plans } from './plans.ts';

/** What a person says when a plan is started. */
export interface Agreement {
  readonly planId: string;
  /** one of the words that the plan asks for */
  readonly confirm?: string;
  readonly overwrite?: boolean;
}

/** What differs between the kinds. */
export interface PlannedKind<R extends PlanRecord> {
  readonly schema: z.ZodType<R>;
  about(record: R): JobAbout;
  /** what it takes, by what is there now */
  claims(record: R): Promise<readonly Claim[]>;
  /** asked once for each job: what is done for each of its plans, a part for each target or disk */
  parts(): (record: R) => readonly PartWork[];
}

export class PlannedWork<R extends PlanRecord> {
  readonly #jobs: JobRunner;
  readonly #kind: PlannedKind<R>;
  readonly #plans: Plans<R>;

  constructor(jobs: JobRunner, kind: PlannedKind<R>) {
    this.#jobs = jobs;
    this.#kind = kind;
    this.#plans = new Plans(kind.schema);
  }

  /** @returns what a face is shown */
  async plan<View>(make: (expiresAt: string) => Promise<Planned<R, View>>): Promise<View> {
    const { record, view } = await make(this.#plans.expiry());
    this.#plans.keep(record);
    return view;
  }

  /**
   * Starts one job of what was agreed to, with a part for each plan: all of them or nothing.
   * @param look at all of them before the first begins
   * @returns the job's id: that of its plan where it has one only
   * @throws EngineError where a plan, or what was said of it, does not allow it
   */
  async start(
    agreements: readonly Agreement[],
    look: (records: readonly R[]) => Promise<void> = async () => {},
  ): Promise<{ jobId: string }> {
    const agreed = () => agreements.map((agreement) => this.#agreed(agreement));
    const looked = agreed();
    await look(looked);
    const claims = await Promise.all(looked.map((record) => this.#kind.claims(record)));
    // a plan may have been used or have expired meanwhile
    const records = agreed();
    for (const { planId } of records) this.#plans.use(planId);
    const abouts = records.map((record) => this.#kind.about(record));
    const partsOf = this.#kind.parts();
    const parts = records.flatMap((record) => partsOf(record).map((part) => ({ ...part, planId: record.planId })));
    const listed = (field: 'templateName' | 'path' | 'diskName') =>
      [...new Set(abouts.map((about) => about[field] ?? about.path))].join(', ');
    const diskName = abouts.some((about) => about.diskName) ? listed('diskName') : undefined;
    const about = { kind: abouts[0].kind, templateName: listed('templateName'), path: listed('path'), diskName };
    const id = records.length === 1 ? records[0].planId : undefined;
    return { jobId: this.#jobs.start(about, claims.flat(), parts, id) };
  }

  /** @throws EngineError `PLAN_UNKNOWN`, `PLAN_EXPIRED`, `PLAN_BLOCKED`, `TARGET_TOO_SMALL`, `OVERWRITE_REQUIRED`, `CONFIRM_REQUIRED`, `CONFIRM_MISMATCH` */
  #agreed({ planId, confirm, overwrite = false }: Agreement): R {
    const record = this.#plans.find(planId);
    // several may be agreed to at once: each refusal says which one it is about
    const which = { path: this.#kind.about(record).path, ...diskOf(record) };
    if (record.refusal) {
      const { code, data, hint } = record.refusal;
      throw new EngineError(code, { ...which, ...data }, hint);
    }
    const replaced = replacedBy(record);
    if (replaced.length > 0 && !overwrite)
      throw new EngineError('OVERWRITE_REQUIRED', { ...which, path: replaced.join(', ') });
    if (record.kind === 'deploy' && record.confirmWords.length > 0) {
      const named = { ...which, serial: record.target.serial };
      if (confirm === undefined) throw new EngineError('CONFIRM_REQUIRED', named);
      if (!record.confirmWords.includes(confirm)) throw new EngineError('CONFIRM_MISMATCH', { ...named, confirm });
    }
    return record;
  }
}

/** What a person calls these places: disks by maker and model, files by their paths. Left out where no disk is among them. */
export function diskNames(places: readonly PlaceView[]): string | undefined {
  const isNamed = ({ kind, model }: PlaceView) => kind === 'device' && model !== '';
  if (!places.some(isNamed)) return undefined;
  return places.map((place) => (isNamed(place) ? place.model : place.path)).join(', ');
}

/** Of a deploy of one of several disks: which. */
function diskOf(record: PlanRecord): { disk?: number } {
  return record.kind === 'deploy' && record.diskCount > 1 ? { disk: record.disk } : {};
}

/** Files that are there and would be replaced. */
function replacedBy(record: PlanRecord): string[] {
  // of a machine that is reloaded, its name is what is confirmed
  if (record.kind === 'deploy') return record.needsOverwrite && !record.vm ? [record.target.path] : [];
  if (record.kind !== 'export') return [];
  return [record, ...record.others].filter(({ needsOverwrite }) => needsOverwrite).map(({ path }) => path);
}
