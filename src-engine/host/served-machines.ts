/**
 * Virtual machines whose disks lie over a template that this engine serves to them. Each is written down as a pledge for as long as it needs
 * the template: the next engine that stays goes on with those of engines that are gone, and their machines wait for it meanwhile.
 */
import { lstat, rm } from 'node:fs/promises';
import type { z } from 'zod';
import type { PledgeRecord, ServedMachine } from '../catalog/records/index.ts';
import { NeededTemplateSchema, ServedMachineSchema } from '../catalog/records/index.ts';
import type { ErrorView } from '../contract/errors.ts';
import type { ServedMachineView, Vm } from '../contract/vm.contract.ts';
import { hostOfVmPlace } from '../contract/vm-place.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import type { EngineParts } from '../jobs/engine-parts.ts';
import { runStream } from '../jobs/stream/run.ts';
import { streamsAt } from '../machines/hypervisors/hypervisors.ts';
import { endRelay, makeRelayFolder, relayFolderOf, startRelay } from '../machines/qemu/disk-relay.ts';
import { hasBacking } from '../machines/qemu/overlay-view.ts';
import { diskOf } from '../versions/found-disk.ts';
import type { CatalogHandle } from './catalog-handle.ts';
import { catalogClaim } from './claims.ts';
import type { JobRunner } from './job-runner.ts';
import type { NbdServers } from './nbd-servers.ts';

/** How often an engine that stays looks for what others have left. */
const LOOK_MS = 5000;

interface Served {
  readonly machine: ServedMachine;
  /** of the servers of its disks */
  readonly servers: string[];
  /** that brings in what lies below its disks */
  jobId: string | null;
}

export class ServedMachines {
  readonly #catalog: CatalogHandle;
  readonly #jobs: JobRunner;
  readonly #servers: NbdServers;
  /** by their pledges */
  readonly #served = new Map<string, Served>();
  /** why those cannot be served that nobody serves, by their pledges */
  readonly #errors = new Map<string, ErrorView>();
  readonly #stays: boolean;
  #isClosed = false;
  #next: NodeJS.Timeout | undefined;
  #work: Promise<void> = Promise.resolve();

  /** @param stays its engine goes on until somebody ends it */
  constructor(catalog: CatalogHandle, jobs: JobRunner, servers: NbdServers, stays: boolean) {
    this.#catalog = catalog;
    this.#jobs = jobs;
    this.#servers = servers;
    this.#stays = stays;
  }

  #parts(): EngineParts {
    return this.#catalog.parts;
  }

  /** Goes on with machines of engines that are gone, now and from time to time: nobody has to wait for it. */
  begin(): void {
    this.#work = this.#work
      .then(() => this.#takeOver())
      .catch(() => {})
      .then(() => {
        if (!this.#isClosed) this.#next = setTimeout(() => this.begin(), LOOK_MS).unref();
      });
  }

  /**
   * Serves what a machine needs that is about to be defined or started.
   * @returns by which it is {@link stream}ed or {@link drop}ped
   * @throws EngineError where it cannot be written down or served: nothing is left then
   */
  async take(machine: ServedMachine, signal: AbortSignal): Promise<string> {
    const id = await this.#catalog.pledges.give(machine);
    const served: Served = { machine, servers: [], jobId: null };
    this.#served.set(id, served);
    try {
      await this.#serve(served, signal);
    } catch (error) {
      await this.drop(id);
      throw error;
    }
    return id;
  }

  /** The machine is gone, or was not made. */
  async drop(id: string): Promise<void> {
    const served = this.#served.get(id);
    if (served) await this.#end(id, served);
  }

  /**
   * Brings what lies below its disks into them, in a job.
   * @returns the job's id: that of the one that runs, where one does
   * @throws EngineError `NOT_FOUND`; `VM_SERVED_ELSEWHERE` (place, processId) where another Diskpress has it; why it cannot be served
   */
  async stream(id: string): Promise<string> {
    await this.#work;
    const served = this.#served.get(id) ?? (await this.#adoptOne(id));
    if (served.jobId === null) this.#startStream(id, served);
    return served.jobId!;
  }

  /**
   * Starts a machine: where nobody serves what its disks lie over, it would never come to run. An engine that stays does it first.
   * @throws EngineError `VM_NOT_SERVED` (place, template) where this one does not stay; why it cannot be served
   */
  async start({ place, id }: Vm, start: () => Promise<void>, signal: AbortSignal): Promise<void> {
    await this.#work;
    const { pledges } = this.#catalog;
    const taken: [string, Served][] = [];
    for (const record of await pledges.all()) {
      const machine = machineOf(record);
      // another host may have a machine of that id, too
      if (machine?.id !== id || hostOfVmPlace(place) !== null) continue;
      if (this.#served.has(record.id) || pledges.holderOf(record) !== null || !(await isOver(machine, signal)))
        continue;
      if (!this.#stays)
        throw new EngineError('VM_NOT_SERVED', { place, template: this.#nameOf(machine.disks[0].templateId) });
      taken.push([record.id, await this.#adopt(record)]);
    }
    try {
      await start();
    } finally {
      // not before: the disks of a machine that is off are in use while they are brought in
      for (const one of taken) this.#goOn(...one);
    }
  }

  /** Every machine that needs a template of this catalog, whoever serves it. */
  async list(): Promise<ServedMachineView[]> {
    await this.#work;
    const found: ServedMachineView[] = [];
    for (const record of await this.#parts().pledges.all()) {
      const machine = machineOf(record);
      if (!machine) continue;
      // who removed a machine with its disks needs nothing for it
      if (await areGone(machine)) await this.#end(record.id, this.#served.get(record.id) ?? { machine, servers: [] });
      else found.push(this.#viewOf(record, machine));
    }
    return found;
  }

  /** @throws EngineError `TEMPLATE_IN_USE` (template, machines) where one needs it, or that version of it, or is being made over it */
  async refuseNeeded(templateId: string, versionNumber: number | null): Promise<void> {
    const needed = [...(await this.list()), ...(await this.#beingMade())].filter(
      (one) => one.templateId === templateId && (versionNumber === null || one.versionNumber === versionNumber),
    );
    if (needed.length === 0) return;
    const machines = [...new Set(needed.map(({ place }) => place))].join(', ');
    throw new EngineError('TEMPLATE_IN_USE', { template: this.#nameOf(templateId), machines });
  }

  /** By any engine that is there still. */
  async #beingMade(): Promise<z.infer<typeof NeededTemplateSchema>[]> {
    const { pledges } = this.#catalog;
    const held = (await pledges.all()).filter((record) => pledges.holderOf(record) !== null);
    return held.flatMap(({ pledge }) => NeededTemplateSchema.safeParse(pledge).data ?? []);
  }

  /** What is served ends with the engine; the machines wait for the next one. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#next);
    await this.#work;
    if (this.#served.size === 0) return;
    const { pledges } = this.#catalog;
    for (const record of await pledges.all()) {
      const served = this.#served.get(record.id);
      if (!served) continue;
      // the next engine serves at the same place
      await this.#closeServers(served);
      await pledges.leave(record).catch(() => {});
    }
  }

  async #takeOver(): Promise<void> {
    for (const record of await this.#catalog.pledges.ofTheGone()) {
      // what cannot be served now keeps no other from it
      const served = machineOf(record) && (await this.#adopt(record).catch(() => null));
      if (served) this.#goOn(record.id, served);
    }
  }

  #goOn(id: string, served: Served): void {
    if (!served.machine.isLinked) this.#startStream(id, served);
  }

  async #adoptOne(id: string): Promise<Served> {
    const { pledges } = this.#catalog;
    const record = (await pledges.all()).find((one) => one.id === id);
    const machine = record && machineOf(record);
    if (!machine) throw new EngineError('NOT_FOUND', { path: id });
    const processId = pledges.holderOf(record);
    if (processId !== null) throw new EngineError('VM_SERVED_ELSEWHERE', { place: machine.place, processId });
    return this.#adopt(record);
  }

  /** @throws EngineError why it cannot be served: it is nobody's then */
  async #adopt(record: PledgeRecord): Promise<Served> {
    const machine = machineOf(record)!;
    const { pledges } = this.#catalog;
    if (!(await pledges.adopt(record))) throw new EngineError('VM_SERVED_ELSEWHERE', { place: machine.place });
    const served: Served = { machine, servers: [], jobId: null };
    this.#served.set(record.id, served);
    try {
      await this.#serve(served, new AbortController().signal);
      this.#errors.delete(record.id);
      return served;
    } catch (thrown) {
      this.#errors.set(record.id, toEngineError(thrown).toView());
      this.#served.delete(record.id);
      await this.#closeServers(served);
      await pledges.leave(record).catch(() => {});
      throw thrown;
    }
  }

  async #closeServers({ servers }: Pick<Served, 'servers'>): Promise<void> {
    for (const server of servers.splice(0)) await this.#servers.close(server).catch(() => {});
  }

  async #serve({ machine, servers }: Served, signal: AbortSignal): Promise<void> {
    const user = await streamsAt(machine.place).user(signal);
    for (const { relay, templateId, versionNumber, disk } of machine.disks) {
      const parts = this.#parts();
      const found = diskOf(parts.templates.find(`${templateId}@${versionNumber}`), disk);
      const folder = relayFolderOf(relay);
      const { served: socket } = makeRelayFolder(folder);
      // of an engine that is gone
      await rm(socket, { force: true });
      servers.push((await this.#servers.open(parts, found, { socket })).id);
      await startRelay(folder, user, signal);
    }
  }

  #startStream(id: string, served: Served): void {
    const { machine } = served;
    const { template } = this.#parts().templates.find(machine.disks[0].templateId);
    const about = { kind: 'stream', templateName: template.name, path: machine.place } as const;
    const run = async (context: JobContext) => {
      try {
        const result = await runStream(machine, context);
        await this.#end(id, served);
        return result;
      } finally {
        served.jobId = null;
      }
    };
    served.jobId = this.#jobs.start(about, [catalogClaim('read')], [{ path: machine.place, run }]);
  }

  async #end(id: string, { machine, servers }: Pick<Served, 'machine' | 'servers'>): Promise<void> {
    for (const { relay } of machine.disks) await endRelay(relayFolderOf(relay));
    await this.#closeServers({ servers });
    await this.#catalog.pledges.kept(id);
    this.#served.delete(id);
    this.#errors.delete(id);
  }

  #viewOf(record: PledgeRecord, machine: ServedMachine): ServedMachineView {
    const own = this.#served.get(record.id);
    const servedBy = own ? null : this.#catalog.pledges.holderOf(record);
    const {
      place,
      isLinked,
      disks: [{ templateId, versionNumber }],
    } = machine;
    return {
      id: record.id,
      place,
      templateId,
      templateName: this.#nameOf(templateId),
      versionNumber,
      isLinked,
      isServed: own !== undefined,
      servedBy,
      jobId: own?.jobId ?? null,
      error: servedBy === null ? (this.#errors.get(record.id) ?? null) : null,
    };
  }

  #nameOf(templateId: string): string {
    try {
      return this.#parts().templates.show(templateId).name;
    } catch {
      return templateId;
    }
  }
}

/** Whether it needs what is below its disks still. What cannot be told is taken to be so. */
async function isOver({ disks }: ServedMachine, signal: AbortSignal): Promise<boolean> {
  const needs = await Promise.all(disks.map(({ path }) => hasBacking(path, signal).catch(() => true)));
  return needs.includes(true);
}

async function areGone({ disks }: ServedMachine): Promise<boolean> {
  for (const { path } of disks) {
    const isThere = await lstat(path).then(
      () => true,
      // who may not look does not say that it is gone
      ({ code }: NodeJS.ErrnoException) => code !== 'ENOENT',
    );
    if (isThere) return false;
  }
  return true;
}

function machineOf({ pledge }: PledgeRecord): ServedMachine | null {
  const { success, data } = ServedMachineSchema.safeParse(pledge);
  return success ? data : null;
}
