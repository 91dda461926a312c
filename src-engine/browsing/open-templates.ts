/** Templates that are being looked into: kept open for a while, so that going from folder to folder reads nothing twice. */
import type { StoredParts } from '../versions/stored-parts.ts';
import { diskOf } from '../versions/found-disk.ts';
import { openTemplate, type OpenTemplate } from './open-template.ts';

const MAX_OPEN = 4;
/** A prune cannot delete what it replaced while somebody may read it. */
const IDLE_MS = 30_000;

interface Entry {
  readonly opened: Promise<OpenTemplate>;
  users: number;
  timer: NodeJS.Timeout | null;
}

export class OpenTemplates {
  readonly #entries = new Map<string, Entry>();

  /**
   * Opens a disk of the version that `template` names, or takes it as it is open, for the time of `work`.
   * @param disk from 1; may be left out where there is one
   * @throws EngineError `TEMPLATE_NOT_FOUND`, `DISK_CHOICE_REQUIRED`, `NO_SUCH_DISK`; those of {@link openTemplate}
   */
  async use<T>(
    parts: StoredParts,
    { template, disk }: { template: string; disk?: number | undefined },
    work: (template: OpenTemplate) => Promise<T>,
  ): Promise<T> {
    const found = diskOf(parts.templates.find(template), disk);
    const entry = this.#take(found.manifest, () => openTemplate(parts, found));
    try {
      return await work(await entry.opened);
    } finally {
      this.#giveBack(found.manifest, entry);
    }
  }

  /** Closes all that nobody uses, and the others once they are given back. */
  async closeAll(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((key) => this.#drop(key)));
  }

  #take(key: string, open: () => Promise<OpenTemplate>): Entry {
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = { opened: open(), users: 0, timer: null };
      entry.opened.catch(() => this.#forget(key, entry!));
    }
    // the first is the one that was not used longest
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.users++;
    if (entry.timer) clearTimeout(entry.timer);
    for (const [other, { users }] of this.#entries) {
      if (this.#entries.size <= MAX_OPEN) break;
      if (users === 0) void this.#drop(other);
    }
    return entry;
  }

  #giveBack(key: string, entry: Entry): void {
    entry.users--;
    if (entry.users > 0) return;
    if (this.#entries.get(key) !== entry) void close(entry);
    else entry.timer = setTimeout(() => void this.#drop(key), IDLE_MS).unref();
  }

  #forget(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }

  async #drop(key: string): Promise<void> {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    if (entry?.timer) clearTimeout(entry.timer);
    if (entry?.users === 0) await close(entry);
  }
}

async function close({ opened }: Entry): Promise<void> {
  const template = await opened.catch(() => null);
  await template?.close();
}
