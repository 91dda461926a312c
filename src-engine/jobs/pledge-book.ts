/**
 * Pledges, written down before what they undo is done: a machine that is shut down for a capture is started again, also by the next
 * engine. Each is a file of the catalog's folder, so that a database that is damaged or made anew takes none of them along.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunnerLocks } from '../catalog/job-repository.ts';
import { PledgeRecordSchema, type Pledge, type PledgeRecord } from '../catalog/records/index.ts';
import { isGone, readRunner, thisRunner } from '../catalog/runner.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { syncFolder, writeDurably } from '../core/durable.ts';
import type { StoreLayout } from '../store/store-layout.ts';

const ENDING = '.json';
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_PLEDGES = 10_000;

export class PledgeBook {
  readonly #layout: StoreLayout;
  readonly #locks: RunnerLocks;

  constructor(layout: StoreLayout, locks: RunnerLocks) {
    this.#layout = layout;
    this.#locks = locks;
  }

  /**
   * When this returns, it is on the disk.
   * @returns by which it is {@link kept}
   * @throws EngineError `PERMISSION_DENIED`, `DISK_FULL`, `WRITE_FAILED`: then nothing may be done that needs it
   */
  async give(pledge: Pledge): Promise<string> {
    const { root, pledges } = this.#layout;
    const id = randomUUID();
    const runner = JSON.stringify({ ...thisRunner(), lock: this.#locks.own() });
    const record: PledgeRecord = { id, createdAt: new Date().toISOString(), runner, pledge };
    try {
      if ((await mkdir(pledges, { recursive: true, mode: 0o700 })) !== undefined) await syncFolder(root);
    } catch (error) {
      throw toEngineError(error, pledges);
    }
    await writeDurably(pledges, this.#pathOf(id), Buffer.from(JSON.stringify(record)));
    return id;
  }

  /** It was done, or is needed no more. */
  async kept(id: string): Promise<void> {
    await rm(this.#pathOf(id), { force: true });
  }

  /** Makes it this engine's own. @throws EngineError as {@link give} */
  async adopt(record: PledgeRecord): Promise<void> {
    await this.#rewrite(record, JSON.stringify({ ...thisRunner(), lock: this.#locks.own() }));
  }

  /** Leaves it to the next engine, as one does that ends in order. @throws EngineError as {@link give} */
  async leave(record: PledgeRecord): Promise<void> {
    await this.#rewrite(record, '');
  }

  async #rewrite(record: PledgeRecord, runner: string): Promise<void> {
    const bytes = Buffer.from(JSON.stringify({ ...record, runner }));
    await writeDurably(this.#layout.pledges, this.#pathOf(record.id), bytes);
  }

  /** Those of engines that are certainly gone, or have left them, the oldest first. */
  async ofTheGone(): Promise<PledgeRecord[]> {
    return (await this.all()).filter((record) => {
      if (record.runner === '') return true;
      const runner = readRunner(record.runner);
      return runner !== null && isGone(runner, (lock) => this.#locks.isHeld(lock));
    });
  }

  /** All of them, the oldest first. What cannot be read is left to whoever can. */
  async all(): Promise<PledgeRecord[]> {
    const found: PledgeRecord[] = [];
    for (const name of (await readdir(this.#layout.pledges).catch(() => [])).slice(0, MAX_PLEDGES)) {
      const record = name.endsWith(ENDING) ? await this.#read(name) : null;
      if (record) found.push(record);
    }
    return found.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  }

  async #read(name: string): Promise<PledgeRecord | null> {
    const path = join(this.#layout.pledges, name);
    try {
      if ((await stat(path)).size > MAX_FILE_BYTES) return null;
      const record = PledgeRecordSchema.parse(JSON.parse(await readFile(path, 'utf8')));
      return record.id + ENDING === name ? record : null;
    } catch {
      return null;
    }
  }

  /** @throws EngineError `NOT_FOUND` */
  #pathOf(id: string): string {
    if (!/^[\da-f-]{36}$/.test(id)) throw new EngineError('NOT_FOUND', { path: id });
    return join(this.#layout.pledges, id + ENDING);
  }
}
