/**
 * Pledges, written down before what they undo is done: a machine that is shut down for a capture is started again, also by the next
 * engine. Each is a file of the catalog's folder with its sum, so that a database that is damaged or made anew takes none of them along.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunnerLocks } from '../catalog/job-repository.ts';
import { PledgeRecordSchema, type Pledge, type PledgeRecord } from '../catalog/records/index.ts';
import { isGone, readRunner, thisRunner } from '../catalog/runner.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { syncFolder, writeDurably } from '../core/durable.ts';
import { summedText, withSum } from '../core/summed-text.ts';
import { holdAlone } from '../store/locks.ts';
import type { StoreLayout } from '../store/store-layout.ts';

const ENDING = '.json';
/** held while an engine makes a pledge its own */
const ADOPTING = 'adopting.lock';
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_PLEDGES = 10_000;
const ID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
export const DAMAGED_PLEDGE = 'damaged';

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
    await writeDurably(pledges, this.#pathOf(id), withSum(JSON.stringify(record)));
    return id;
  }

  /** It was done, or is needed no more. */
  async kept(id: string): Promise<void> {
    await rm(this.#pathOf(id), { force: true });
  }

  /**
   * Makes it this engine's own.
   * @returns false where it is not there any more, or another engine makes it its own
   * @throws EngineError as {@link give}
   */
  async adopt({ id }: PledgeRecord): Promise<boolean> {
    const lock = holdAlone(join(this.#layout.pledges, ADOPTING));
    if (!lock) return false;
    try {
      const record = await this.#read(id + ENDING);
      if (!record || !this.#isLeft(record)) return false;
      await this.#rewrite(record, JSON.stringify({ ...thisRunner(), lock: this.#locks.own() }));
      return true;
    } finally {
      lock.release();
    }
  }

  /** Leaves it to the next engine, as one does that ends in order. @throws EngineError as {@link give} */
  async leave(record: PledgeRecord): Promise<void> {
    await this.#rewrite(record, '');
  }

  async #rewrite(record: PledgeRecord, runner: string): Promise<void> {
    await writeDurably(this.#layout.pledges, this.#pathOf(record.id), withSum(JSON.stringify({ ...record, runner })));
  }

  /** Those of engines that are certainly gone, or have left them, the oldest first. */
  async ofTheGone(): Promise<PledgeRecord[]> {
    return (await this.all()).filter((record) => this.#isLeft(record));
  }

  #isLeft(record: PledgeRecord): boolean {
    return record.runner === '' || (readRunner(record.runner) !== null && this.holderOf(record) === null);
  }

  /** The process whose engine has it; null: nobody's, or that of one that is certainly gone. */
  holderOf(record: PledgeRecord): number | null {
    const runner = readRunner(record.runner);
    return runner && !isGone(runner, (lock) => this.#locks.isHeld(lock)) ? runner.processId : null;
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

  /** One that is damaged is nobody's, so that it is told, and its kind is one that nobody keeps. */
  async #read(name: string): Promise<PledgeRecord | null> {
    const path = join(this.#layout.pledges, name);
    let text: string;
    let createdAt: string;
    try {
      const { size, mtime } = await stat(path);
      if (size > MAX_FILE_BYTES) return null;
      createdAt = mtime.toISOString();
      text = await readFile(path, 'utf8');
    } catch {
      return null;
    }
    const record = soundRecord(text);
    const id = name.slice(0, -ENDING.length);
    if (record) return record.id === id ? record : null;
    return ID.test(id) && hasSum(text) ? { id, createdAt, runner: '', pledge: { kind: DAMAGED_PLEDGE, path } } : null;
  }

  /** @throws EngineError `NOT_FOUND` */
  #pathOf(id: string): string {
    if (!ID.test(id)) throw new EngineError('NOT_FOUND', { path: id });
    return join(this.#layout.pledges, id + ENDING);
  }
}

/** What has none may be anybody's. */
const hasSum = (text: string) => !text.trimEnd().endsWith('}');

/** @returns null for what is damaged. What earlier versions wrote has no sum */
function soundRecord(text: string): PledgeRecord | null {
  const { json, isSound } = summedText(text);
  if (isSound === false) return null;
  try {
    return PledgeRecordSchema.parse(JSON.parse(json));
  } catch {
    return null;
  }
}
