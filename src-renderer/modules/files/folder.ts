/** What is in a folder of a template, in pages that are fetched as they come into sight. */
import { computed, onScopeDispose, ref, shallowReactive, shallowRef, watch, type Ref } from 'vue';
import type { CommandParams, CommandResult, ErrorView, FileEntryView } from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { errorView } from '../../client/words.ts';

const PAGE_ENTRIES = 500;

export type FileSort = 'name' | 'size' | 'modified';

export interface FolderPlace {
  template: string;
  /** which of several disks, from 1 */
  disk?: number | undefined;
  volume: string;
  path: string;
  sort: FileSort;
  isDescending: boolean;
}

/** One folder, as far as it was read. */
class Listing {
  readonly place: FolderPlace;
  readonly self: FileEntryView;
  readonly total: number;
  readonly isCut: boolean;
  readonly escapedNames: number;
  readonly pages = shallowReactive(new Map<number, readonly FileEntryView[]>());

  constructor(place: FolderPlace, { self, total, isCut, escapedNames }: CommandResult<'files.list'>) {
    this.place = place;
    this.self = self;
    this.total = total;
    this.isCut = isCut;
    this.escapedNames = escapedNames;
  }

  at(index: number): FileEntryView | undefined {
    return this.pages.get(Math.floor(index / PAGE_ENTRIES))?.[index % PAGE_ENTRIES];
  }
}

/**
 * Reads the folder at `place` whenever that changes. What was there stays until the new one is read, so that nothing jumps. A later
 * place makes the answer to an earlier one void.
 */
export function useFolder(place: Ref<FolderPlace | null>) {
  const engine = useEngine();
  const listing = shallowRef<Listing | null>(null);
  const error = shallowRef<ErrorView | null>(null);
  const isReading = ref(false);
  const asked = new Map<number, Promise<void>>();
  let reading = new AbortController();

  const ask = (where: FolderPlace, page: number, signal: AbortSignal) => {
    const params: CommandParams<'files.list'> = { ...where, offset: page * PAGE_ENTRIES, limit: PAGE_ENTRIES };
    return engine.call('files.list', params, signal);
  };

  async function read() {
    reading.abort();
    reading = new AbortController();
    const { signal } = reading;
    asked.clear();
    const where = place.value;
    if (!where) {
      listing.value = null;
      return;
    }
    isReading.value = true;
    try {
      const answer = await ask(where, 0, signal);
      if (signal.aborted) return;
      const next = new Listing(where, answer);
      next.pages.set(0, answer.entries);
      listing.value = next;
      error.value = null;
    } catch (thrown) {
      if (!signal.aborted) error.value = errorView(thrown);
    } finally {
      if (!signal.aborted) isReading.value = false;
    }
  }
  watch(() => JSON.stringify(place.value), read, { immediate: true });
  onScopeDispose(() => reading.abort());

  /** Reads one page, once. */
  function readPage(page: number): Promise<void> {
    const now = listing.value;
    if (!now || now.pages.has(page)) return Promise.resolve();
    const { signal } = reading;
    const waiting = asked.get(page);
    if (waiting) return waiting;
    const answer = ask(now.place, page, signal).then(
      ({ entries }) => void now.pages.set(page, entries),
      (thrown: unknown) => {
        if (!signal.aborted) error.value = errorView(thrown);
      },
    );
    asked.set(page, answer);
    return answer;
  }

  /** Sees to it that these rows are read. @param end the one after the last */
  function need(start: number, end: number) {
    for (let page = Math.floor(start / PAGE_ENTRIES); page * PAGE_ENTRIES < end; page++) void readPage(page);
  }

  /**
   * The first entry from `from` on, and round to it again, that `fits`; pages are read on the way.
   * @returns -1 where there is none, or where the folder was left meanwhile
   */
  async function find(from: number, fits: (entry: FileEntryView) => boolean): Promise<number> {
    const now = listing.value;
    if (!now) return -1;
    for (let i = 0; i < now.total; i++) {
      const index = (from + i) % now.total;
      if (!now.at(index)) await readPage(Math.floor(index / PAGE_ENTRIES));
      if (listing.value !== now) return -1;
      const entry = now.at(index);
      if (entry && fits(entry)) return index;
    }
    return -1;
  }

  const total = computed(() => listing.value?.total ?? 0);
  return { listing, total, error, isReading, read, need, find };
}

export type Folder = ReturnType<typeof useFolder>;
