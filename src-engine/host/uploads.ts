/**
 * Files that pages send, since browsers do not tell where a dropped file lies. They lie in the catalog's folder as long as somebody waits
 * for them, a job reads them, or they may still be imported; each engine has a folder there, and the next one removes those of engines that
 * are gone.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobView } from '../contract/job.contract.ts';
import type { UploadFile } from '../contract/upload.contract.ts';
import { EngineError, tooLittleRoom, toEngineError } from '../core/engine-error.ts';
import { largestFileAt } from '../core/room-at.ts';
import { freeBytes } from '../machines/free-bytes.ts';
import { isInside } from '../machines/paths.ts';
import type { RunnerLock } from '../store/runner-lock.ts';
import type { StoreLayout } from '../store/store-layout.ts';
import { ArrivingFile, refused, refuseUnsafe } from './upload-files.ts';

/** What nobody waits for and no job reads goes after this time. */
const KEPT_MS = 60 * 60 * 1000;
/** Each is a drop of a person's. */
const MAX_UPLOADS = 64;

interface Upload {
  /** with links followed */
  readonly folder: string;
  /** of the file or folder, as a person would name it */
  readonly path: string;
  readonly files: readonly ArrivingFile[];
  readonly arrival: PromiseWithResolvers<void>;
  /** how many calls wait for it, and jobs read it */
  users: number;
  /** goes as soon as nobody uses it */
  isUnwanted: boolean;
  work: Promise<void>;
  timer?: NodeJS.Timeout;
}

export class Uploads {
  readonly #layout: StoreLayout;
  readonly #runner: RunnerLock;
  readonly #keptMs: number;
  readonly #uploads = new Map<string, Upload>();
  /** this engine's folder among those of uploads; null: nothing was ever sent, and there is none */
  #own: string | null = null;
  /** which job reads which of them */
  readonly #jobs = new Map<string, string>();

  /** @param keptMs for tests */
  constructor(layout: StoreLayout, runner: RunnerLock, keptMs = KEPT_MS) {
    this.#layout = layout;
    this.#runner = runner;
    this.#keptMs = keptMs;
  }

  /** Removes what engines have left that are gone. What cannot be removed stays for the next one. */
  async removeLost(): Promise<void> {
    for (const name of await readdir(this.#layout.uploads).catch(() => []))
      if (!this.#runner.isHeld(name)) await removeAll(join(this.#layout.uploads, name)).catch(() => {});
  }

  /**
   * @returns the id of an upload whose files are there and empty
   * @throws EngineError `UPLOAD_REFUSED`; `DISK_FULL`, `FILE_TOO_LARGE`, `PERMISSION_DENIED`, before anything is sent
   */
  async begin(files: readonly UploadFile[]): Promise<string> {
    const name = refuseUnsafe(files);
    if (this.#uploads.size >= MAX_UPLOADS) throw refused('busy', { most: MAX_UPLOADS });
    await this.#refuseTooMuch(name, files);
    const runner = this.#runner.own();
    if (runner === '') throw new EngineError('PERMISSION_DENIED', { path: this.#layout.root });
    const id = randomUUID();
    this.#own = join(this.#layout.uploads, runner);
    const place = join(this.#own, id);
    try {
      await mkdir(place, { recursive: true, mode: 0o700 });
      const folder = await realpath(place);
      const arriving: ArrivingFile[] = [];
      for (const file of files) arriving.push(await ArrivingFile.begin(folder, file));
      const upload: Upload = {
        ...{ folder, path: join(folder, name), files: arriving, arrival: Promise.withResolvers<void>() },
        ...{ users: 0, isUnwanted: false, work: Promise.resolve() },
      };
      // who waits is told; nobody may wait yet
      upload.arrival.promise.catch(() => {});
      this.#uploads.set(id, upload);
      this.#settle(id, upload);
      if (isWhole(upload)) upload.arrival.resolve();
      return id;
    } catch (error) {
      await removeAll(place).catch(() => {});
      throw toEngineError(error, place);
    }
  }

  /** @throws EngineError `UPLOAD_UNKNOWN`, `BAD_REQUEST`; `DISK_FULL` and the like, also to who waits for it */
  async write(id: string, fileNumber: number, offsetBytes: number, piece: Uint8Array): Promise<void> {
    const upload = this.#find(id);
    const written = upload.work.then(() => {
      const file = upload.files.at(fileNumber);
      if (!file) throw new EngineError('BAD_REQUEST', { reason: 'out of order' });
      return file.write(offsetBytes, piece);
    });
    upload.work = written.catch(() => {});
    await written.catch((error: unknown) => {
      upload.arrival.reject(error);
      throw error;
    });
    if (isWhole(upload)) upload.arrival.resolve();
  }

  /**
   * Waits until all of it is there. It is removed where the signal ends that, or it cannot be written.
   * @returns the path of the file or folder
   * @throws EngineError `UPLOAD_UNKNOWN`, `ABORTED`, and why it could not be written
   */
  async wait(id: string, signal: AbortSignal): Promise<string> {
    const upload = this.#find(id);
    this.#use(upload);
    const leave = () => upload.arrival.reject(new EngineError('ABORTED'));
    signal.addEventListener('abort', leave);
    try {
      if (signal.aborted) leave();
      await upload.arrival.promise;
      return upload.path;
    } catch (error) {
      upload.isUnwanted = true;
      throw error;
    } finally {
      signal.removeEventListener('abort', leave);
      await this.#leave(id, upload);
    }
  }

  /** It is removed, or as soon as no job reads it. */
  async drop(id: string): Promise<void> {
    const upload = this.#uploads.get(id);
    if (!upload) return;
    upload.isUnwanted = true;
    upload.arrival.reject(new EngineError('ABORTED'));
    if (upload.users === 0) await this.#remove(id, upload);
  }

  /** What an import reads stays until that has ended, and goes then; where it failed it may be tried again, for a while. @param job as it is now */
  follow({ id: jobId, kind, path, state, outcome }: JobView): void {
    const held = this.#jobs.get(jobId);
    if (state === 'ended') {
      this.#jobs.delete(jobId);
      const upload = held === undefined ? undefined : this.#uploads.get(held);
      if (!upload) return;
      upload.isUnwanted ||= outcome !== 'failed';
      void this.#leave(held!, upload);
    } else if (kind === 'import' && held === undefined) {
      const [id, upload] = [...this.#uploads].find(([, { folder }]) => isInside(path, folder)) ?? [];
      if (id === undefined) return;
      this.#jobs.set(jobId, id);
      this.#use(upload!);
    }
  }

  /** Removes all of them. */
  async close(): Promise<void> {
    await Promise.all([...this.#uploads].map(([id, upload]) => this.#remove(id, upload)));
    if (this.#own !== null) await removeAll(this.#own).catch(() => {});
  }

  #find(id: string): Upload {
    const upload = this.#uploads.get(id);
    if (!upload || upload.isUnwanted) throw new EngineError('UPLOAD_UNKNOWN', { upload: id });
    return upload;
  }

  /** What others have still to send is no room that is free. */
  async #refuseTooMuch(name: string, files: readonly UploadFile[]): Promise<void> {
    const { root } = this.#layout;
    const { maxBytes = Infinity } = largestFileAt(root);
    const tooLarge = files.find(({ lengthBytes }) => lengthBytes > maxBytes);
    if (tooLarge) throw new EngineError('FILE_TOO_LARGE', { path: tooLarge.path, maxBytes });
    const promised = [...this.#uploads.values()].flatMap((one) => one.files.map(({ leftBytes }) => leftBytes));
    const free = Math.max(0, (await freeBytes(root)) - sum(promised));
    const needed = sum(files.map(({ lengthBytes }) => lengthBytes));
    if (needed > free) throw tooLittleRoom(join(this.#layout.uploads, name), needed, free);
  }

  #use(upload: Upload): void {
    upload.users++;
    clearTimeout(upload.timer);
  }

  async #leave(id: string, upload: Upload): Promise<void> {
    upload.users--;
    if (upload.users > 0) return;
    if (upload.isUnwanted) await this.#remove(id, upload);
    else this.#settle(id, upload);
  }

  #settle(id: string, upload: Upload): void {
    upload.timer = setTimeout(() => void this.drop(id), this.#keptMs).unref();
  }

  async #remove(id: string, upload: Upload): Promise<void> {
    clearTimeout(upload.timer);
    this.#uploads.delete(id);
    upload.isUnwanted = true;
    upload.arrival.reject(new EngineError('ABORTED'));
    await upload.work;
    await Promise.all(upload.files.map((file) => file.close()));
    await removeAll(upload.folder);
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);
const isWhole = ({ files }: Upload) => files.every(({ leftBytes }) => leftBytes === 0);
const removeAll = (folder: string) => rm(folder, { recursive: true, force: true });
