/** The engine: every command of the contract, put together from jobs and rooms. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { FoundVersion } from '../catalog/template-repository.ts';
import type { CheckedParams, CommandName, CommandResult, TopicEvent, TopicName } from '../contract/commands.ts';
import type { ImportPlan } from '../contract/import.contract.ts';
import type { CapturePlan } from '../contract/plan.contract.ts';
import type { MessageData } from '../contract/errors.ts';
import type { Report } from '../contract/report.contract.ts';
import type { Check, Warning } from '../contract/warnings.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import { planCapture, runCapture, type CaptureRequest } from '../jobs/capture.job.ts';
import { planDeploy, type DeployRequest } from '../jobs/deploy-plan.ts';
import { DiskAccount } from '../jobs/account/account.ts';
import { checkTogether, runDeploy } from '../jobs/deploy.job.ts';
import { inspectDisk } from '../jobs/disk-inspection.ts';
import { runExport } from '../jobs/export/export.job.ts';
import { planExport, type ExportRequest, type PlannedExport } from '../jobs/export/export-plan.ts';
import { compareVersions } from '../jobs/files/compare-versions.ts';
import { runExtract } from '../jobs/files/extract.job.ts';
import { listFiles } from '../jobs/files/list-files.ts';
import { volumeView } from '../jobs/files/open-template.ts';
import { OpenTemplates } from '../jobs/files/open-templates.ts';
import { readFile } from '../jobs/files/read-file.ts';
import { freeBytes } from '../jobs/free-bytes.ts';
import { runImport } from '../jobs/import/import.job.ts';
import type { ImportRequest } from '../jobs/import/import-form.ts';
import { lookAtImage, planImport } from '../jobs/import/import-plan.ts';
import { openSource } from '../jobs/open-source.ts';
import { checkSourceRules, checkTemplateRules, recordedGuest } from '../jobs/report/check.ts';
import { removeLostTarget } from '../jobs/lost-target.ts';
import { readProfile } from '../jobs/report/chosen-machine.ts';
import { guestOf } from '../jobs/report/guest-of.ts';
import { refuseReported } from '../jobs/report/make-report.ts';
import { openRulebook, policyList, policyRules } from '../jobs/report/rulebook.ts';
import type { PlannedDeploy } from '../jobs/planned-deploy.ts';
import { runPrune } from '../jobs/prune.job.ts';
import { runRepair } from '../jobs/repair.job.ts';
import { writeTemplateRecord } from '../jobs/template-record-file.ts';
import { runVerify } from '../jobs/verify.job.ts';
import { probeMachine } from '../machines/profile/profile.ts';
import { deleteProfile, listProfiles, refusedProfiles, saveProfile } from '../machines/profile/saved-profiles.ts';
import { reportDocument } from '../report/report-document.ts';
import { refuseReadOnly } from '../store/locks.ts';
import { releaseReserve } from '../store/reserve.ts';
import { editsOf } from './edits.ts';
import { CatalogHandle } from './catalog-handle.ts';
import type { IfNoCatalog } from './catalog-place.ts';
import { listFolder } from './folder-list.ts';
import { JobRunner } from './job-runner.ts';
import { Plans } from './plans.ts';

export interface EngineOptions {
  readonly catalogPath: string;
  readonly version: string;
  /** entry of the press threads */
  readonly pressUrl: URL;
  /** folder of what comes with Diskpress: policies, tables, a small disk image to try things with */
  readonly resourcesPath: string;
  /** where it is left out: `make` */
  readonly ifNoCatalog?: IfNoCatalog;
}

type Handlers = {
  [C in CommandName]: (params: CheckedParams<C>, signal: AbortSignal) => Promise<CommandResult<C>> | CommandResult<C>;
};

type Listener<T extends TopicName> = (event: TopicEvent<T>) => void;

export class Engine {
  readonly #options: EngineOptions;
  readonly #catalog: CatalogHandle;
  readonly #jobs: JobRunner;
  readonly #files = new OpenTemplates();
  readonly #capturePlans = new Plans<CapturePlan, CaptureRequest>();
  readonly #deployPlans = new Plans<PlannedDeploy, DeployRequest>();
  readonly #importPlans = new Plans<ImportPlan, ImportRequest>();
  readonly #exportPlans = new Plans<PlannedExport, ExportRequest>();
  readonly #listeners: { [T in TopicName]: Set<Listener<T>> } = { jobs: new Set(), catalog: new Set() };

  /** @throws EngineError `CATALOG_TOO_NEW`, `PERMISSION_DENIED` */
  constructor(options: EngineOptions) {
    this.#options = options;
    this.#catalog = new CatalogHandle(
      options.catalogPath,
      options.pressUrl,
      options.resourcesPath,
      options.ifNoCatalog ?? 'make',
    );
    this.#jobs = new JobRunner(
      () => this.#catalog.jobs,
      (job) => {
        this.#publish('jobs', job);
        if (job.state === 'ended') this.#publish('catalog', { templateId: job.result?.templateId ?? null });
      },
      this.#catalog.layout.database,
    );
    this.#markLost();
  }

  /** Runs a command whose parameters have been checked. */
  run<C extends CommandName>(command: C, params: CheckedParams<C>, signal: AbortSignal): Promise<CommandResult<C>> {
    return Promise.resolve()
      .then(() => {
        // what was taken back before it began does nothing
        signal.throwIfAborted();
        return this.#handlers[command](params, signal);
      })
      .catch((error: unknown) => {
        throw toEngineError(error, this.#catalog.layout.database);
      });
  }

  /** @returns a function that ends the subscription */
  subscribe<T extends TopicName>(topic: T, listener: Listener<T>): () => void {
    this.#listeners[topic].add(listener);
    return () => void this.#listeners[topic].delete(listener);
  }

  /** Cancels what runs and closes the catalog. */
  async close(): Promise<void> {
    await this.#jobs.close();
    await this.#files.closeAll();
    this.#catalog.close();
  }

  #markLost(): void {
    try {
      for (const job of this.#catalog.jobs.markLost()) void removeLostTarget(job).catch(() => {});
    } catch (error) {
      // a damaged catalog is told by each command, and repair can still run; a full or busy disk is no reason to stay away
      if (toEngineError(error).code === 'INTERNAL') throw error;
    }
  }

  /** @throws EngineError why nothing can be written, before anything is changed */
  get #writable() {
    const { parts } = this.#catalog;
    refuseReadOnly(parts.layout);
    return parts;
  }

  #publish<T extends TopicName>(topic: T, event: TopicEvent<T>): void {
    for (const listener of this.#listeners[topic]) listener(event);
  }

  /** A change to a template: its record file is written, everybody is told. */
  async #changed(templateId: string, action: string, data: MessageData = {}) {
    const { parts } = this.#catalog;
    const template = parts.templates.byId(templateId);
    await writeTemplateRecord(parts, templateId);
    parts.audit.add(action, template.name, { templateId, ...data });
    this.#publish('catalog', { templateId });
    return template;
  }

  /** The template that `reference` names, where no file or device of that name is there. */
  #templateNamed(reference: string): FoundVersion | null {
    if (isPath(reference)) return null;
    try {
      return this.#catalog.looking.templates.find(reference);
    } catch (error) {
      if (toEngineError(error).code === 'TEMPLATE_NOT_FOUND') return null;
      throw error;
    }
  }

  /** @throws EngineError where the plan, or what was said of it, does not allow the deploy */
  #agreedPlan({ planId, confirm, overwrite }: CheckedParams<'deploy.start'>): PlannedDeploy {
    const { plan } = this.#deployPlans.find(planId);
    const { path, serial } = plan.target;
    refuseBlocked(plan);
    if (plan.needsOverwrite && !overwrite) throw new EngineError('OVERWRITE_REQUIRED', { path });
    if (plan.confirmWords.length > 0) {
      if (confirm === undefined) throw new EngineError('CONFIRM_REQUIRED', { path, serial });
      if (!plan.confirmWords.includes(confirm)) throw new EngineError('CONFIRM_MISMATCH', { confirm, path, serial });
    }
    return plan;
  }

  #startDeploy(plan: PlannedDeploy): string {
    this.#deployPlans.use(plan.planId);
    const about = { kind: 'deploy', templateName: plan.templateName, path: plan.target.path } as const;
    return this.#jobs.start(about, (context) => runDeploy(this.#catalog.parts, plan, context), plan.planId);
  }

  #samplePath(): string | null {
    const path = join(this.#options.resourcesPath, 'sample-disk.img');
    return existsSync(path) ? path : null;
  }

  readonly #handlers: Handlers = {
    'app.info': async () => ({
      version: this.#options.version,
      catalogPath: this.#options.catalogPath,
      catalogFreeBytes: await freeBytes(this.#options.catalogPath),
      storeBytes: this.#catalog.listed.index.storedBytes(),
      canOpenDevices: process.getuid?.() === 0,
      platform: process.platform,
      samplePath: this.#samplePath(),
    }),
    'device.list': () => this.#catalog.machine.listDevices(this.#options.catalogPath),
    'source.inspect': async ({ source: path, format }, signal) => {
      const template = this.#templateNamed(path);
      if (template) {
        const { version } = template;
        const book = await openRulebook(this.#catalog.looking);
        const guest = await recordedGuest(this.#catalog.looking, book, template, signal);
        const [{ source, layout }] = version.disks;
        const warnings = [...alsoThere(path), ...layout.warnings];
        return { source, disk: { ...layout, warnings }, guest, machine: version.machine };
      }
      const { source, place } = await openSource(this.#catalog.machine, path, format);
      try {
        const disk = await inspectDisk(source, signal);
        const { endOfLife } = await openRulebook(this.#catalog.looking);
        const guest = await guestOf(source, disk.opened, endOfLife, signal);
        const account = await DiskAccount.of(disk, place.kind, 'ask', signal);
        return { source: place, disk: account.view(), guest, machine: null };
      } finally {
        await source.close();
      }
    },
    'folder.list': ({ folder }) => listFolder(folder),
    'capture.plan': async (params, signal) =>
      this.#capturePlans.keep(
        await planCapture(this.#catalog.make(), params, this.#capturePlans.expiry(), signal),
        params,
      ),
    'capture.start': ({ planId }) => {
      const { plan, request } = this.#capturePlans.find(planId);
      refuseBlocked(plan);
      this.#capturePlans.use(planId);
      const about = { kind: 'capture', templateName: plan.name, path: plan.source.path } as const;
      return { jobId: this.#jobs.start(about, (context) => runCapture(this.#catalog.parts, plan, request, context)) };
    },
    'template.list': ({ deleted, offset, limit }) => this.#catalog.listed.templates.summaries(deleted, offset, limit),
    'template.show': ({ template }) => {
      const { templates } = this.#catalog.parts;
      return (this.#templateNamed(template) ?? templates.find(template, { deleted: true })).template;
    },
    'template.edit': ({ template, ...changes }) => {
      const { templates } = this.#writable;
      const { template: before } = templates.find(template);
      const after = templates.edit(template, changes);
      return this.#changed(after.id, 'template.edited', editsOf(before, after));
    },
    'template.delete': async ({ template }) => {
      // it is the first step to more room: on a full disk it must not fail for want of some
      releaseReserve(this.#catalog.parts.layout);
      const { id } = this.#writable.templates.delete(template);
      await this.#files.closeAll();
      return this.#changed(id, 'template.deleted', { template });
    },
    'template.undelete': ({ template }) =>
      this.#changed(this.#writable.templates.undelete(template).id, 'template.undeleted', { template }),
    'deploy.plan': async (params, signal) =>
      this.#deployPlans.keep(await planDeploy(this.#catalog.parts, params, this.#deployPlans.expiry(), signal), params),
    'deploy.start': ({ planId, confirm, overwrite }) => {
      const plan = this.#agreedPlan({ planId, confirm, overwrite });
      return { jobId: this.#startDeploy(plan) };
    },
    'deploy.startAll': async ({ starts }) => {
      await checkTogether(
        this.#catalog.parts,
        starts.map((start) => this.#agreedPlan(start)),
      );
      // a plan may have been used or have expired meanwhile
      const plans = starts.map((start) => this.#agreedPlan(start));
      return { jobIds: plans.map((plan) => this.#startDeploy(plan)) };
    },
    'files.volumes': (params) =>
      this.#files.use(this.#catalog.parts, params, async ({ volumes, found }) => {
        const { volumes: views, groups } = found.disk.layout;
        const inner = groups.flatMap((group) => group.volumes);
        const usedBytes = (ref: string) =>
          (views.find(({ number }) => String(number ?? 0) === ref) ?? inner.find((volume) => volume.ref === ref))
            ?.usedBytes;
        return volumes.map((volume) => volumeView(volume, usedBytes(volume.ref) ?? 0));
      }),
    'files.list': (params, signal) =>
      this.#files.use(this.#catalog.parts, params, async (opened) =>
        listFiles(await opened.tree(params.volume), params, signal),
      ),
    'files.read': (params) =>
      this.#files.use(this.#catalog.parts, params, async (opened) =>
        readFile(await opened.tree(params.volume), params),
      ),
    'files.extract': (params) => {
      const { template } = this.#catalog.parts.templates.find(params.template);
      const about = { kind: 'extract', templateName: template.name, path: params.path || '/' } as const;
      const work = (context: JobContext) =>
        this.#files.use(this.#catalog.parts, params, (opened) =>
          runExtract(opened, this.#catalog.parts.layout.root, params, context),
        );
      return { jobId: this.#jobs.start(about, work) };
    },
    'files.compare': ({ before, after, disk }, signal) =>
      this.#files.use(this.#catalog.parts, { template: before, disk }, (old) =>
        this.#files.use(this.#catalog.parts, { template: after, disk }, (now) => compareVersions(old, now, signal)),
      ),
    'import.look': (params, signal) => lookAtImage(this.#catalog.looking, params, signal),
    'import.plan': async (params, signal) =>
      this.#importPlans.keep(
        await planImport(this.#catalog.make(), params, this.#importPlans.expiry(), signal),
        params,
      ),
    'import.start': ({ planId }) => {
      const { plan, request } = this.#importPlans.find(planId);
      refuseBlocked(plan);
      this.#importPlans.use(planId);
      const about = { kind: 'import', templateName: plan.name, path: plan.image.source.path } as const;
      return { jobId: this.#jobs.start(about, (context) => runImport(this.#catalog.parts, plan, request, context)) };
    },
    'export.plan': async (params) =>
      this.#exportPlans.keep(await planExport(this.#catalog.parts, params, this.#exportPlans.expiry()), params),
    'export.start': ({ planId, overwrite }) => {
      const { plan, request } = this.#exportPlans.find(planId);
      refuseBlocked(plan);
      if (plan.needsOverwrite && !overwrite) throw new EngineError('OVERWRITE_REQUIRED', { path: plan.path });
      this.#exportPlans.use(planId);
      const about = { kind: 'export', templateName: plan.templateName, path: plan.path } as const;
      const work = (context: JobContext) => runExport(this.#catalog.parts, plan, request.password, context);
      return { jobId: this.#jobs.start(about, work, planId) };
    },
    'report.check': (params, signal) => {
      const template = this.#templateNamed(params.subject);
      return template
        ? checkTemplateRules(this.#catalog.looking, template, params, signal)
        : checkSourceRules(this.#catalog.looking, params, signal);
    },
    'report.document': async ({ report, format, language }) => {
      const { fileName, mediaType, bytes } = await reportDocument(report, format, language);
      return { fileName, mediaType, base64: Buffer.from(bytes).toString('base64') };
    },
    'policy.list': async () =>
      policyList(await openRulebook(this.#catalog.looking), this.#catalog.looking.layout.policies),
    'policy.show': async ({ policy }) => policyRules(await openRulebook(this.#catalog.looking), policy),
    'machine.probe': () => probeMachine(true),
    'machine.list': () => listProfiles(this.#catalog.looking.layout.machines),
    'machine.refused': async () =>
      (await refusedProfiles(this.#catalog.looking.layout.machines)).map((error) => error.toView()),
    'machine.read': ({ path }) => readProfile(path),
    'machine.save': ({ profile, replace }) => saveProfile(this.#catalog.make().layout.machines, profile, replace),
    'machine.delete': async ({ name }) => {
      await deleteProfile(this.#catalog.looking.layout.machines, name);
      return {};
    },
    'verify.start': ({ template }) => {
      const templateName = template === null ? '' : this.#catalog.parts.templates.find(template).template.name;
      const about = { kind: 'verify', templateName, path: '' } as const;
      return { jobId: this.#jobs.start(about, (context) => runVerify(this.#catalog.parts, template, context)) };
    },
    'prune.start': () => {
      const about = { kind: 'prune', templateName: '', path: this.#options.catalogPath } as const;
      const work = async (context: JobContext) => {
        // what is kept open for nobody must not keep its packs
        await this.#files.closeAll();
        return runPrune(this.#catalog.parts, context);
      };
      return { jobId: this.#jobs.start(about, work) };
    },
    'repair.start': async () => {
      // what is kept open knows the database that a repair may replace
      await this.#files.closeAll();
      // behind other jobs it waits, as they do: they could not run where the database is damaged
      if (this.#jobs.isIdle) {
        this.#catalog.prepareRepair();
        this.#markLost();
      }
      const about = { kind: 'repair', templateName: '', path: this.#options.catalogPath } as const;
      return { jobId: this.#jobs.start(about, (context) => runRepair(this.#catalog.parts, context)) };
    },
    'job.list': () => this.#jobs.list(),
    'job.show': ({ jobId }) => this.#jobs.show(jobId),
    'job.cancel': ({ jobId }) => this.#jobs.cancel(jobId),
    'log.list': ({ limit }) => this.#catalog.listed.audit.list(limit),
  };
}

function refuseBlocked(plan: { checks: readonly Check[]; report?: Report | null }): void {
  const block = plan.checks.find((check) => check.level === 'block');
  if (!block) {
    if (plan.report) refuseReported(plan.report);
    return;
  }
  // the commonest refusal has a code of its own, with both sizes
  if (block.code === 'TARGET_TOO_SMALL') throw new EngineError('TARGET_TOO_SMALL', block.data);
  throw new EngineError('PLAN_BLOCKED', { ...block.data, check: block.code });
}

/** What has a slash or begins with a dot is a path; anything else is a template's name, where one has it. */
const isPath = (reference: string): boolean => /^\.|[/\\]/.test(reference);

/** Of a template that is called like a file or folder in the working directory. */
function alsoThere(name: string): Warning[] {
  return existsSync(name) ? [{ code: 'TEMPLATE_BEFORE_FILE', data: { name } }] : [];
}
