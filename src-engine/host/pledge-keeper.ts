/** What jobs of engines that are gone owed is done by the next engine; what it cannot do stays, and is told. */
import { PLEDGE_KINDS, type PledgeView } from '../contract/pledge.contract.ts';
import type { PledgeRecord } from '../catalog/records/index.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { EngineParts } from '../jobs/engine-parts.ts';
import { keepPledge } from '../jobs/keep-pledges.ts';

/** How long an engine that closes waits for what it does for others. */
const MAX_WAIT_MS = 10_000;

export class PledgeKeeper {
  readonly #parts: () => EngineParts;
  readonly #stop = new AbortController();
  readonly #errors = new Map<string, PledgeView['error']>();
  #work: Promise<void> = Promise.resolve();

  constructor(parts: () => EngineParts) {
    this.#parts = parts;
  }

  /** Begins to do what is owed: nobody has to wait for it. */
  begin(): void {
    this.#work = this.#work.then(() => this.#keepAll()).catch(() => {});
  }

  /** What is owed still, once all of it was tried. @throws EngineError `CATALOG_DAMAGED` */
  async list(): Promise<PledgeView[]> {
    await this.#work;
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
    await this.#work;
    const record = await this.#find(id);
    await this.#parts().pledges.kept(id);
    this.#parts().audit.add('pledge.dropped', placeOf(record), { kind: record.pledge.kind });
  }

  /** A command that is short waits for it a little: the next engine goes on with what is left. */
  async close(): Promise<void> {
    const patience = setTimeout(() => this.#stop.abort(), MAX_WAIT_MS);
    await this.#work;
    clearTimeout(patience);
  }

  async #keepAll(): Promise<void> {
    for (const record of await this.#owed()) await this.#keep(record);
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
