/** What first file systems of a template name: found by unpacking them, and the same for every target that it is planned for. */
import type { IdForms } from './forms.ts';
import type { InitramfsSearch } from './initramfs.ts';

/** Disks of templates, and first file systems of each. */
const MAX_DISKS = 16;
const MAX_SEARCHES = 64;
/** Files that name identifiers are kept with what was found. */
const MAX_KEPT_BYTES = 1024 * 1024;

type Search = () => Promise<InitramfsSearch | null>;

/** Of one disk. */
export interface Searches {
  /**
   * @param place of the first file system on the disk @param forms that are looked for
   * @param search looks for them where that was not done yet; what could not be read as a whole is looked for again the next time
   */
  of(place: string, forms: IdForms, search: Search): Promise<InitramfsSearch | null>;
}

export class KnownSearches {
  /** the first is the one that was not asked for longest */
  readonly #disks = new Map<string, Searches>();

  /** @param manifest of the disk: what it says never changes */
  of(manifest: string): Searches {
    const searches = this.#disks.get(manifest) ?? searchesOfDisk();
    this.#disks.delete(manifest);
    this.#disks.set(manifest, searches);
    if (this.#disks.size > MAX_DISKS) this.#disks.delete(this.#disks.keys().next().value!);
    return searches;
  }
}

function searchesOfDisk(): Searches {
  const known = new Map<string, InitramfsSearch>();
  return {
    async of(place, forms, search) {
      const key = `${place}\0${forms.looksFor}`;
      const found = known.get(key) ?? (await search());
      if (!found?.isWhole || found.files.reduce((sum, { bytes }) => sum + bytes.length, 0) > MAX_KEPT_BYTES)
        return found;
      known.set(key, found);
      if (known.size > MAX_SEARCHES) known.delete(known.keys().next().value!);
      return found;
    },
  };
}
