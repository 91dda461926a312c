/** The engine: the catalog, the jobs, and who is told of them. What each command does stands in `operations`. */
import type { CheckedParams, CommandName, CommandResult, TopicEvent, TopicName } from '../contract/commands.ts';
import type { MessageData } from '../contract/errors.ts';
import type { JobView } from '../contract/job.contract.ts';
import { toEngineError } from '../core/engine-error.ts';
import { OpenTemplates } from '../browsing/open-templates.ts';
import { removeLostTarget } from '../jobs/lost-target.ts';
import { writeTemplateRecord } from '../versions/template-record-file.ts';
import { BootEvidenceKeeper } from './boot-evidence.ts';
import { CatalogHandle } from './catalog-handle.ts';
import { giveToOwner } from './catalog-owner.ts';
import { CatalogWatch } from './catalog-watch.ts';
import type { FaceOptions } from './engine-thread.ts';
import { JobRunner } from './job-runner.ts';
import { NbdServers } from './nbd-servers.ts';
import { personBehindRoot } from './person.ts';
import { PledgeKeeper } from './pledge-keeper.ts';
import { PreferencesKeeper } from './preferences-keeper.ts';
import { operationsOf } from './operations/index.ts';
import type { Operations } from './operations/operations.ts';
import { ServedMachines } from './served-machines.ts';
import { entriesOfUndone } from './undone-entries.ts';
import { Uploads } from './uploads.ts';

export interface EngineOptions extends FaceOptions {
  /** entry of the press threads */
  readonly pressUrl: URL;
}

type Listener<T extends TopicName> = (event: TopicEvent<T>) => void;

export class Engine {
  readonly #catalog: CatalogHandle;
  readonly #jobs: JobRunner;
  readonly #files = new OpenTemplates();
  readonly #served = new NbdServers();
  readonly #pledges: PledgeKeeper;
  readonly #machines: ServedMachines;
  readonly #preferences: PreferencesKeeper;
  readonly #uploads: Uploads;
  readonly #operations: Operations;
  /** of an engine that stays */
  readonly #watch: CatalogWatch | null;
  readonly #person = personBehindRoot();
  #cleanups: Promise<void>[] = [];
  #given: Promise<void> = Promise.resolve();
  readonly #listeners: { [T in TopicName]: Set<Listener<T>> } = {
    jobs: new Set(),
    catalog: new Set(),
    preferences: new Set(),
  };

  /** @throws EngineError `CATALOG_TOO_NEW`, `PERMISSION_DENIED` */
  constructor(options: EngineOptions) {
    const { catalogPath, version, pressUrl, resourcesPath, ifNoCatalog = 'make', stays = false } = options;
    this.#catalog = new CatalogHandle(catalogPath, pressUrl, resourcesPath, ifNoCatalog);
    this.#uploads = new Uploads(this.#catalog.layout, this.#catalog.runner);
    this.#jobs = new JobRunner(
      () => this.#catalog.jobs,
      (job) => {
        this.#uploads.follow(job);
        if (job.state === 'ended') {
          this.#writeDownUndone(job);
          this.#given = this.#given.then(() => giveToOwner(catalogPath, this.#person));
        }
        this.#publish('jobs', job);
        if (job.state === 'ended') this.#publish('catalog', { templateId: job.result?.templateId ?? null });
      },
      { databasePath: this.#catalog.layout.database, warnings: () => this.#catalog.jobWarnings },
    );
    this.#pledges = new PledgeKeeper(() => this.#catalog.listed);
    this.#machines = new ServedMachines(this.#catalog, this.#jobs, this.#served, stays);
    this.#preferences = new PreferencesKeeper(this.#catalog.layout, () => this.#catalog.toWrite());
    this.#operations = operationsOf({
      version,
      catalogPath,
      resourcesPath,
      commandAsRoot: options.commandAsRoot ?? null,
      catalog: this.#catalog,
      jobs: this.#jobs,
      evidence: new BootEvidenceKeeper(() => this.#catalog.layout),
      files: this.#files,
      served: this.#served,
      pledges: this.#pledges,
      machines: this.#machines,
      preferences: this.#preferences,
      uploads: this.#uploads,
      preferencesChanged: (now) => this.#publish('preferences', now),
      changed: (templateId, action, data) => this.#changed(templateId, action, data),
      makeRoomToRecord: () => this.#makeRoomToRecord(),
      markLost: () => this.#markLost(),
    });
    this.#markLost();
    this.#cleanups.push(this.#uploads.removeLost());
    this.#pledges.begin(Promise.all(this.#cleanups));
    if (stays) this.#machines.begin();
    this.#watch = stays ? this.#watchCatalog() : null;
  }

  /** Runs a command whose parameters have been checked. */
  run<C extends CommandName>(command: C, params: CheckedParams<C>, signal: AbortSignal): Promise<CommandResult<C>> {
    return Promise.resolve()
      .then(() => {
        // what was taken back before it began does nothing
        signal.throwIfAborted();
        return this.#operations[command](params, signal);
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
    await this.#watch?.close();
    await this.#jobs.close();
    await this.#uploads.close();
    await this.#machines.close();
    await this.#pledges.close();
    await Promise.all(this.#cleanups);
    await this.#served.closeAll();
    await this.#files.closeAll();
    await this.#preferences.close();
    await this.#catalog.close();
    await this.#given;
    await giveToOwner(this.#catalog.layout.root, this.#person);
  }

  async #makeRoomToRecord(): Promise<void> {
    if (!this.#catalog.isFull) return;
    // what is kept open reads the copy of the database
    await this.#files.closeAll();
    if (this.#jobs.isIdle && this.#served.isIdle) this.#catalog.makeRoom(true);
  }

  #watchCatalog(): CatalogWatch {
    const watch = new CatalogWatch(
      this.#catalog,
      () => this.#publish('catalog', { templateId: null }),
      () => this.#letGo(),
    );
    watch.begin();
    return watch;
  }

  /** @returns whether nothing uses the catalog any more */
  async #letGo(): Promise<boolean> {
    await this.#files.closeAll();
    return this.#jobs.isIdle && this.#served.isIdle;
  }

  #markLost(): void {
    try {
      // nobody is told of these jobs again: what they left is gone before the engine is
      const { jobs } = this.#catalog;
      this.#cleanups = jobs
        .markLost((job, user) => this.#writeDownUndone(job, user))
        .map((job) =>
          removeLostTarget(job)
            .then(() => jobs.forgetLeftovers(job.id))
            .catch(() => {}),
        );
    } catch (error) {
      // a damaged catalog is told by each command, and repair can still run; a full or busy disk is no reason to stay away
      if (toEngineError(error).code === 'INTERNAL') throw error;
    }
  }

  /** @param user who had started it; '' or left out: who is at work now */
  #writeDownUndone(job: JobView, user = ''): void {
    try {
      const { audit } = this.#catalog.parts;
      for (const { action, subject, data } of entriesOfUndone(job)) audit.add(action, subject, data, user || undefined);
    } catch {
      // a full disk, a damaged catalog: the job itself has told it
    }
  }

  #publish<T extends TopicName>(topic: T, event: TopicEvent<T>): void {
    for (const listener of this.#listeners[topic]) listener(event);
  }

  async #changed(templateId: string, action: string, data: MessageData = {}) {
    const { parts } = this.#catalog;
    const template = parts.templates.byId(templateId);
    await writeTemplateRecord(parts, templateId);
    parts.audit.add(action, template.name, { templateId, ...data });
    this.#publish('catalog', { templateId });
    return template;
  }
}
