/** What other programs do to the catalog while it is open: they change it, take it away, or bring it back. */
import type { CatalogHandle } from './catalog-handle.ts';

const LOOK_MS = 1000;

export class CatalogWatch {
  readonly #catalog: CatalogHandle;
  readonly #changed: () => void;
  readonly #release: () => Promise<boolean>;
  #state: string;
  #next: NodeJS.Timeout | undefined;
  #work: Promise<void> = Promise.resolve();
  #isClosed = false;

  /**
   * @param changed hears that the catalog is another than it was
   * @param release closes what is open of a catalog that was away; false: something still uses it
   */
  constructor(catalog: CatalogHandle, changed: () => void, release: () => Promise<boolean>) {
    this.#catalog = catalog;
    this.#changed = changed;
    this.#release = release;
    this.#state = catalog.stateForOthers;
  }

  /** Looks from time to time, until it is closed. */
  begin(): void {
    this.#next = setTimeout(() => {
      this.#work = this.#look()
        .catch(() => {})
        .then(() => {
          if (!this.#isClosed) this.begin();
        });
    }, LOOK_MS).unref();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#next);
    await this.#work;
  }

  async #look(): Promise<void> {
    const state = this.#catalog.stateForOthers;
    if (state === this.#state) return;
    // what is open of one that was away may lie on a disk that is gone
    if (isAway(this.#state) && !isAway(state)) {
      if (!(await this.#release())) return;
      this.#catalog.reopen();
      this.#state = this.#catalog.stateForOthers;
    } else {
      this.#state = state;
    }
    this.#changed();
  }
}

const isAway = (state: string) => state === 'CATALOG_NOT_FOUND' || state === 'READ_FAILED';
