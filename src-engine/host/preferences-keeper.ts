/** What a person set for the pages: in the catalog's folder where that can be written, else in memory until it can. */
import { readPreferences, writePreferences } from '../catalog/preferences-file.ts';
import {
  NO_PREFERENCES,
  type Preferences,
  type PreferencesChange,
  type PreferencesView,
} from '../contract/preferences.contract.ts';
import type { StoreLayout } from '../store/store-layout.ts';

export class PreferencesKeeper {
  readonly #path: string;
  readonly #toWrite: () => unknown;
  /** what was set and is not in the file */
  #unwritten: Partial<Preferences> = {};
  /** as they were when there was a file: a catalog that is away has none */
  #seen: Preferences = NO_PREFERENCES;
  #last: Promise<unknown> = Promise.resolve();

  /** @param toWrite throws where nothing may be written to the catalog */
  constructor(layout: StoreLayout, toWrite: () => unknown) {
    this.#path = layout.preferences;
    this.#toWrite = toWrite;
  }

  show(): Promise<PreferencesView> {
    return this.#inTurn({});
  }

  change({ dismiss, recentFolder, ...changes }: PreferencesChange): Promise<PreferencesView> {
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
    return this.#inTurn(given, { dismiss, recentFolder });
  }

  /** What could not be written before is tried once more. */
  async close(): Promise<void> {
    await this.#inTurn({});
  }

  /** One after the other: none is lost between another's reading and writing. */
  #inTurn(changes: Partial<Preferences>, added: Added = {}): Promise<PreferencesView> {
    const mine = this.#last.then(() => this.#apply(changes, added));
    this.#last = mine;
    return mine;
  }

  async #apply(changes: Partial<Preferences>, { dismiss, recentFolder }: Added): Promise<PreferencesView> {
    // undefined: one that is there, cannot be read, and is not written over
    const file = await readPreferences(this.#path).catch(() => undefined);
    if (file) this.#seen = file.preferences;
    const { dismissed, recentFolders } = { ...this.#seen, ...this.#unwritten };
    if (dismiss !== undefined && !dismissed.includes(dismiss)) {
      changes = { ...changes, dismissed: [...dismissed, dismiss].slice(-MOST_DISMISSED) };
    }
    if (recentFolder !== undefined) {
      const others = recentFolders.filter((one) => one !== recentFolder);
      changes = { ...changes, recentFolders: [recentFolder, ...others].slice(0, MOST_RECENT) };
    }
    this.#unwritten = { ...this.#unwritten, ...changes };
    if (file !== undefined && Object.keys(this.#unwritten).length > 0) {
      try {
        this.#toWrite();
        await writePreferences(this.#path, file?.raw ?? {}, { ...this.#seen, ...this.#unwritten });
        this.#seen = { ...this.#seen, ...this.#unwritten };
        this.#unwritten = {};
      } catch {
        // it holds until the engine ends, and its view says so
      }
    }
    return { ...this.#seen, ...this.#unwritten, isKept: Object.keys(this.#unwritten).length === 0 };
  }
}

/** What is one more of several. */
type Added = Pick<PreferencesChange, 'dismiss' | 'recentFolder'>;

const MOST_RECENT = 5;
/** Far more than there are notices. */
const MOST_DISMISSED = 100;
