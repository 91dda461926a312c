/**
 * A machine while its disks are deployed. They are named when all of them are whole, and the machine is defined when all are named: until
 * then, whoever fails takes everything back. What is to be taken back should this process die is written down before the first is named.
 */
import { chmod, link, unlink } from 'node:fs/promises';
import type { ServedMachine } from '../../../catalog/records/index.ts';
import type { BootChoice } from '../../../contract/boot.contract.ts';
import type { JobResult } from '../../../contract/job.contract.ts';
import type { PlannedVm } from '../../../contract/new-vm.contract.ts';
import { EngineError, ioError, toEngineError } from '../../../core/engine-error.ts';
import { resolveOwnLinks } from '../../../core/held-folder.ts';
import type { JobContext } from '../../../core/job-context.ts';
import { bootFactsOf } from '../../../judgement/boot-facts.ts';
import { refuseBlockedCheck } from '../../../judgement/overrides.ts';
import { hypervisorAt, powerAt, vmAt } from '../../../machines/hypervisors/hypervisors.ts';
import { madeFile, makerOf, unmakeMachine, type MadeFile } from '../../../machines/hypervisors/made-machine.ts';
import type { MadeVolume } from '../../../machines/hypervisors/volumes.port.ts';
import { proveBoot, type BootProof } from '../../../machines/qemu/prove-boot.ts';
import type { EngineParts } from '../../engine-parts.ts';
import type { DeployRecord } from '../../plan-records.ts';
import { attempt, evidenceOf, type Tell } from '../../prove-version.ts';
import { openDeployed } from '../open-deployed.ts';
import type { Owner } from '../open-target.ts';
import type { WholeFile } from '../target-format.ts';
import { makeVolumes } from './make-volumes.ts';
import { takenChecks } from './plan-new.ts';
import { offChecks } from './plan-reload.ts';

const PRIVATE_MODE = 0o600;
/** Taking back is not ended by what ended the making. */
const never = () => new AbortController().signal;

type Work = (context: JobContext, owner: Owner) => Promise<JobResult>;

interface Part {
  readonly record: DeployRecord;
  readonly context: JobContext;
}

/** Serves the template to machines whose disks lie over it. */
export interface Serving {
  /** @throws EngineError where it cannot be written down or served */
  take(machine: ServedMachine, signal: AbortSignal): Promise<string>;
  drop(id: string): Promise<void>;
  /** Brings what lies below its disks into them. */
  stream(id: string): Promise<string>;
}

export class MachineInTheMaking {
  readonly #parts: () => EngineParts;
  readonly #serving: Serving;
  /** by which what is served to it is known */
  #served: string | null = null;
  readonly #vm: PlannedVm;
  readonly #tell: Tell;
  readonly #stop = new AbortController();
  readonly #running: Part[] = [];
  readonly #allOpening = new Gathering();
  readonly #allWhole = new Gathering();
  readonly #allNamed = new Gathering();
  #files: WholeFile[] = [];
  #made: MadeFile[] = [];
  /** of a pool whose disks are no files */
  #madeVolumes: MadeVolume[] = [];
  #pledge: string | null = null;
  /** that its template is there until it is served */
  #need: Promise<string> | null = null;
  #isMade = false;
  #ended = 0;
  /** the first thing that went wrong, whichever disk it was with */
  #failure: unknown = null;
  #seen: Pick<JobResult, 'boot' | 'notProven' | 'machine'> = {};

  /** @param tell hears what it showed and said, where it is started to be proven */
  constructor(parts: () => EngineParts, serving: Serving, vm: PlannedVm, tell: Tell) {
    this.#parts = parts;
    this.#serving = serving;
    this.#vm = vm;
    this.#tell = tell;
  }

  /**
   * Deploys one of its disks, and ends when the machine is made: all its parts run at the same time, and each is called once.
   * @param work ends once its disk was named
   * @throws EngineError what went wrong first, with its disk or with the machine; `ABORTED` where that was told of another disk
   */
  async runPart(record: DeployRecord, work: Work, context: JobContext): Promise<JobResult> {
    const isFirst = this.#running.push({ record, context }) === 1;
    const signal = AbortSignal.any([context.signal, this.#stop.signal]);
    try {
      if (this.#vm.overTemplate !== null) await (this.#need ??= this.#needTemplate(record));
      const owner: Owner = {
        name: (files, give) => this.#name(files, give),
        volume: () => this.#allOpening.come(this.#count, () => this.#makeVolumes(signal)),
      };
      const result = await work({ ...context, signal }, owner);
      return isFirst ? { ...result, ...this.#seen } : result;
    } catch (thrown) {
      const isOwn = this.#failure === null;
      this.#fail(thrown);
      if (isOwn) throw thrown;
      throw new EngineError('ABORTED', {}, '', { cause: thrown });
    } finally {
      await this.#partEnded();
    }
  }

  #needTemplate({ templateId, versionNumber }: DeployRecord): Promise<string> {
    const { place } = this.#vm;
    return this.#parts().pledges.give({ kind: 'need-template', place, templateId, versionNumber });
  }

  get #count(): number {
    return this.#vm.disks.length;
  }

  #fail(thrown: unknown): void {
    this.#failure ??= thrown;
    this.#stop.abort();
    this.#allOpening.fail(this.#failure);
    this.#allWhole.fail(this.#failure);
    this.#allNamed.fail(this.#failure);
  }

  /** All of them are written down before the first is made, and once more with what they are known by. */
  async #makeVolumes(signal: AbortSignal): Promise<void> {
    await this.#lookAgain(signal);
    const { volumes } = makerOf(this.#vm.place);
    const lengths = new Map(this.#running.map(({ record: { target } }) => [target.path, target.lengthBytes]));
    await makeVolumes(this.#vm, lengths, volumes, (made) => this.#pledgeVolumes(made), signal);
  }

  async #pledgeVolumes(volumes: readonly MadeVolume[]): Promise<void> {
    this.#madeVolumes = [...volumes];
    const { place, id, pool } = this.#vm;
    const { pledges } = this.#parts();
    const before = this.#pledge;
    this.#pledge = await pledges.give({ kind: 'unmake-machine', place, id, files: [], pool, volumes: [...volumes] });
    if (before !== null) await pledges.kept(before);
  }

  async #name(files: readonly WholeFile[], give: () => Promise<void>): Promise<void> {
    this.#files.push(...files);
    await this.#allWhole.come(this.#count, () => this.#beforeNames());
    await give();
    await this.#allNamed.come(this.#count, () => this.#make());
  }

  /** @throws EngineError `PLAN_BLOCKED` where its name or an address was taken meanwhile, or it does not stand still */
  async #beforeNames(): Promise<void> {
    const { signal } = this.#running[0].context;
    const { place, id, isReload, keptDisk, pool } = this.#vm;
    await this.#lookAgain(signal);
    signal.throwIfAborted();
    if (isReload) {
      if (keptDisk !== null) await keep(this.#vm.disks[0].path, keptDisk);
      return;
    }
    // volumes have been written down since before they were there
    if (this.#madeVolumes.length > 0) return;
    // what is in it is the business of its hypervisor and of nobody else
    for (const { from } of this.#files) await chmod(from, PRIVATE_MODE);
    this.#made = await Promise.all(this.#files.map(({ from, path }) => madeFile(from, path)));
    this.#pledge = await this.#parts().pledges.give({
      kind: 'unmake-machine',
      place,
      id,
      files: this.#made,
      pool,
      volumes: [],
    });
  }

  async #lookAgain(signal: AbortSignal): Promise<void> {
    const { id, place, isReload, disks } = this.#vm;
    if (!isReload) {
      const { hypervisor } = hypervisorAt(place);
      return refuseBlockedCheck(takenChecks(this.#vm, await hypervisor.list(signal)));
    }
    const now = await vmAt(place, signal);
    const paths = await Promise.all(now.disks.map(({ path }) => path && resolveOwnLinks(path).catch(() => path)));
    if (now.id !== id || !paths.includes(disks[0].path))
      throw new EngineError('DEVICE_CHANGED', { path: disks[0].path, changed: ['path'], plannedSerial: '' });
    refuseBlockedCheck(offChecks(now));
  }

  async #make(): Promise<void> {
    const [{ context, record }] = this.#running;
    const { id, name, place, isReload } = this.#vm;
    const maker = makerOf(place);
    if (!isReload) {
      await this.#serve(context.signal);
      await maker.define(this.#vm, context.signal);
      this.#isMade = true;
      await this.#parts().pledges.kept(this.#pledge!);
    }
    this.#isMade = true;
    const { templateId, versionNumber: version, templateName } = record;
    this.#parts().audit.add(isReload ? 'machine.reloaded' : 'machine.made', place, {
      templateId,
      version,
      template: templateName,
      id,
    });
    await this.#prove(context);
    const isStarted = this.#vm.start && (await this.#start(context));
    if (isStarted) this.#parts().audit.add('vm.started', place, { id });
    if (this.#served !== null && this.#vm.overTemplate === 'instant') await this.#serving.stream(this.#served);
    this.#seen = { ...this.#seen, machine: { place, name, id, isStarted } };
  }

  /** What its disks lie over, before it is defined. */
  async #serve(signal: AbortSignal): Promise<void> {
    const { place, id, disks, overTemplate } = this.#vm;
    if (overTemplate === null) return;
    const served = this.#running.map(({ record: { planId, templateId, versionNumber, disk, target } }) => ({
      relay: planId,
      ...{ templateId, versionNumber, disk },
      name: disks.find(({ path }) => path === target.path)!.name,
      path: target.path,
      lengthBytes: target.lengthBytes,
    }));
    const machine = { kind: 'serve-machine' as const, place, id, isLinked: overTemplate === 'linked', disks: served };
    this.#served = await this.#serving.take(machine, signal);
  }

  /** Whatever comes of it, the machine is there. */
  async #prove(context: JobContext): Promise<void> {
    const choice = this.#vm.bootProof;
    if (!choice) return;
    context.phase('booting', 0);
    const { sight, error } = await attempt(() => this.#boot(choice, context.signal));
    if (sight) this.#seen = { boot: sight };
    if (!error) return;
    this.#seen = { notProven: error.toView() };
    context.warn({ code: 'DEPLOY_NOT_PROVEN', data: { path: this.#vm.place } });
  }

  async #boot(choice: BootChoice, signal: AbortSignal): Promise<BootProof> {
    const { place, disks, firmware, memoryBytes, machineType, isSecureBoot } = this.#vm;
    const [{ record }] = this.#running;
    const { version } = this.#parts().templates.find(`${record.templateId}@${record.versionNumber}`);
    const inOrder = disks.toSorted((a, b) => Number(b.isBoot) - Number(a.isBoot));
    const opened: { source: Awaited<ReturnType<typeof openDeployed>>; bus: (typeof disks)[number]['bus'] }[] = [];
    try {
      for (const { path, format, bus } of inOrder) {
        const { target } = this.#running.find((part) => part.record.target.path === path)!.record;
        opened.push({ source: await openDeployed(path, target, format, signal), bus });
      }
      const subject = { ...bootFactsOf(version), name: place, disks: opened, firmware, memoryBytes };
      const own = this.#vm.isReload ? {} : { machineType, isSecureBoot };
      const proof = await proveBoot(subject, { ...choice, ...own }, signal);
      await this.#tell(evidenceOf(proof));
      return proof;
    } finally {
      for (const { source } of opened) await source.close();
    }
  }

  /** A machine that cannot be started is there all the same, and whoever made it can say why. */
  async #start(context: JobContext): Promise<boolean> {
    const { place, id } = this.#vm;
    try {
      await powerAt(place).start(id, context.signal);
      return true;
    } catch (thrown) {
      const { code, data } = toEngineError(thrown);
      context.warn({ code: 'VM_NOT_STARTED', data: { place, said: String(data.said ?? code) } });
      return false;
    }
  }

  /** The last one to end leaves nothing half made. */
  async #partEnded(): Promise<void> {
    this.#ended++;
    if (this.#ended < this.#count) return;
    const need = await this.#need?.catch(() => null);
    if (need) await this.#parts().pledges.kept(need);
    // what lay beside its disks until now is gone
    if (this.#isMade && this.#vm.pool !== '') await makerOf(this.#vm.place).look(this.#vm.pool, never());
    else await this.#takeBack();
  }

  async #takeBack(): Promise<void> {
    if (this.#failure === null || this.#isMade) return;
    if (this.#served !== null) await this.#serving.drop(this.#served).catch(() => {});
    if (this.#vm.isReload) return this.#takeBackName();
    if (this.#pledge === null) return;
    const { place, id, pool } = this.#vm;
    try {
      await unmakeMachine(place, id, this.#made, { pool, volumes: this.#madeVolumes }, never());
      await this.#parts().pledges.kept(this.#pledge);
    } catch {
      // it stays written down: the next engine tries again, and tells why it cannot
    }
  }

  /** The old disk has its own name still: the further one was for when it has not. */
  async #takeBackName(): Promise<void> {
    const { keptDisk, disks } = this.#vm;
    if (keptDisk === null) return;
    const [own, further] = await Promise.all(
      [disks[0].path, keptDisk].map((path) => madeFile(path, path).catch(() => null)),
    );
    if (own && further && own.inode === further.inode) await unlink(keptDisk).catch(() => {});
  }
}

/** A further name for a disk that is about to lose its own. @throws EngineError `OVERWRITE_REQUIRED`, `WRITE_FAILED` */
async function keep(path: string, as: string): Promise<void> {
  await link(path, as).catch((error: NodeJS.ErrnoException) => {
    // a disk that is gone is not kept
    if (error.code === 'ENOENT') return;
    if (error.code === 'EEXIST') throw new EngineError('OVERWRITE_REQUIRED', { path: as }, '', { cause: error });
    throw ioError(error, 'WRITE_FAILED', { path: as });
  });
}

/** A point that several come to: the last one does something, and then all go on. */
class Gathering {
  readonly #done = Promise.withResolvers<void>();
  #come = 0;
  hasFailed = false;

  constructor() {
    // it may fail before anybody waits
    this.#done.promise.catch(() => {});
  }

  /** @throws what the last one's work throws, or what it {@link fail}s with */
  async come(count: number, work: () => Promise<void>): Promise<void> {
    if (++this.#come === count && !this.hasFailed) {
      work().then(
        () => this.#done.resolve(),
        (error: unknown) => this.fail(error),
      );
    }
    await this.#done.promise;
  }

  fail(error: unknown): void {
    this.hasFailed = true;
    this.#done.reject(error);
  }
}
