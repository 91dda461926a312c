/** What jobs of engines that are gone owed is done by the next engine; what it cannot do stays, and is told. */
import { setTimeout as sleep } from 'node:timers/promises';
import { PLEDGE_KINDS, type PledgeView } from '../contract/pledge.contract.ts';
import type { PledgeRecord } from '../catalog/records/index.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { EngineParts } from '../jobs/engine-parts.ts';
import { keepPledge } from '../jobs/keep-pledges.ts';

/** How long an engine that closes waits for what it does for others. */
const MAX_WAIT_MS = 10_000;
/** How long whoever asks waits for what is being done. */
const PATIENCE_MS = 5_000;

export class PledgeKeeper {
  readonly #parts: () => EngineParts;
  #stop = new AbortController();
  readonly #errors = new Map<string, PledgeView['error']>();
  #work: Promise<void> = Promise.resolve();

  constructor(parts: () => EngineParts) {
    this.#parts = parts;
  }

  /** Begins to do what is owed: nobody has to wait for it. @param after what jobs that were lost left lying beside their targets is gone by then */
  begin(after: Promise<unknown> = Promise.resolve()): void {
    this.#work = Promise.all([this.#work, after])
      .then(() => this.#keepAll())
      .catch(() => {});
  }

  /** What is owed still, once all of it was tried, or some seconds have passed. @throws EngineError `CATALOG_DAMAGED` */
  async list(): Promise<PledgeView[]> {
    await this.#tried();
    return (await this.#owed()).map((record) => this.#viewOf(record));
  }

  /** Tries once more. @throws EngineError `NOT_FOUND`, and why it cannot be done */
  async keep(id: string): Promise<void> {
    await this.#work;
    const error = await this.#keep(await this.#find(id));
    if (error) throw error;
  }

  /** A person has done it, or does not want it any more. @throws EngineError `NOT_FOUND` */
  async drop(id: string): Promise<void> {
    const isTried = await this.#tried();
    if (!isTried) {
      // nobody wants to wait for it any more, and nothing of it is to happen afterwards
      this.#stop.abort();
      await this.#work;
      this.#stop = new AbortController();
    }
    const record = await this.#find(id);
    await this.#parts().pledges.kept(id);
    this.#parts().audit.add('pledge.dropped', placeOf(record), { kind: record.pledge.kind });
    // the others had to stop with it
    if (!isTried) this.begin();
  }

  /** A command that is short waits for it a little: the next engine goes on with what is left. */
  async close(): Promise<void> {
    const patience = setTimeout(() => this.#stop.abort(), MAX_WAIT_MS);
    await this.#work;
    clearTimeout(patience);
  }

  /** @returns whether all that is owed was tried */
  async #tried(): Promise<boolean> {
    const stopWaiting = new AbortController();
    const late = sleep(PATIENCE_MS, false, { signal: stopWaiting.signal }).catch(() => false);
    const tried = await Promise.race([this.#work.then(() => true), late]);
    stopWaiting.abort();
    return tried;
  }

  async #keepAll(): Promise<void> {
    const { signal } = this.#stop;
    for (const record of await this.#owed()) if (!signal.aborted) await this.#keep(record);
  }

  /** What is done once and for all. Machines that are served are `served-machines.ts`'s. */
  async #owed(): Promise<PledgeRecord[]> {
    return (await this.#parts().pledges.ofTheGone()).filter(({ pledge }) => pledge.kind !== 'serve-machine');
  }

  async #keep(record: PledgeRecord): Promise<EngineError | null> {
    const { pledges, audit } = this.#parts();
    try {
      await keepPledge(record.pledge, this.#stop.signal);
      await pledges.kept(record.id);
      this.#errors.delete(record.id);
      audit.add('pledge.kept', placeOf(record), { kind: record.pledge.kind });
      return null;
    } catch (thrown) {
      const error = toEngineError(thrown);
      this.#errors.set(record.id, error.toView());
      return error;
    }
  }

  async #find(id: string): Promise<PledgeRecord> {
    const found = (await this.#owed()).find((record) => record.id === id);
    if (!found) throw new EngineError('NOT_FOUND', { path: id });
    return found;
  }

  #viewOf(record: PledgeRecord): PledgeView {
    const { id, createdAt, pledge } = record;
    const kind = PLEDGE_KINDS.find((known) => known === pledge.kind) ?? 'unknown';
    return { id, kind, createdAt, place: placeOf(record), error: this.#errors.get(id) ?? null };
  }
}

const placeOf = ({ pledge: { place } }: PledgeRecord) => (typeof place === 'string' ? place.slice(0, 4096) : '');
