/**
 * One pass through the windows of a stored disk, for all targets of a job that are filled with it: each window is read and unpacked once.
 * A target that fails or is slow holds nobody up: one that falls behind goes on by itself when the others are done.
 */
import { lockReader } from '../../store/locks.ts';
import type { PressPool } from '../../store/press-pool.ts';
import type { FoundDisk } from '../../versions/found-disk.ts';
import type { ManifestJson } from '../../versions/manifest-json.ts';
import type { StoredParts } from '../../versions/stored-parts.ts';
import { withManifest } from '../../versions/with-manifest.ts';
import type { ManifestReader } from '../../store/manifest-reader.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { DeployRecord } from '../plan-records.ts';
import { FeedPlace, type Taker } from './feed-place.ts';
import { FedWindow } from './fed-window.ts';
import { SlowTargets } from './slow-targets.ts';
import { storedWindow } from './stored-window.ts';

type FeedParts = StoredParts & Pick<EngineParts, 'presses'>;
type Subject = Pick<DeployRecord, 'templateId' | 'versionNumber' | 'disk'>;

/** A target at its feed. */
export interface Feeding {
  /**
   * @returns when all windows are on the target, read back, and what the template's chunks are named by
   * @throws EngineError what the taker threw; `VERIFY_MISMATCH`, `PACK_DAMAGED`, `MANIFEST_DAMAGED`, `CHUNK_MISSING`, `ABORTED`
   */
  fill(taker: Taker): Promise<void>;
  /** It does not come any more, if it has not come: nobody waits for it. */
  end(): void;
}

/** The feeds of one job. */
export class Feeds {
  readonly #parts: FeedParts;
  readonly #patienceMs: number;
  readonly #feeds = new Map<string, Feed>();

  /** @param patienceMs for how long those that have come wait for those that are on their way */
  constructor(parts: FeedParts, patienceMs = 10_000) {
    this.#parts = parts;
    this.#patienceMs = patienceMs;
  }

  /**
   * One for each disk that is deployed, however many targets it has.
   * @param found is not looked for again: a template that is deleted and pruned while it is deployed is deployed all the same
   * @param signal of the job
   */
  of(found: FoundDisk, signal: AbortSignal): Feed {
    const { template, version, number } = found;
    const key = feedKey({ templateId: template.id, versionNumber: version.number, disk: number });
    const feed = this.#feeds.get(key) ?? new Feed(this.#parts, found, signal, this.#patienceMs);
    this.#feeds.set(key, feed);
    return feed;
  }
}

export const feedKey = ({ templateId, versionNumber, disk }: Subject) => `${templateId}@${versionNumber}#${disk}`;

class Feed {
  readonly #parts: FeedParts;
  readonly #found: FoundDisk;
  readonly #signal: AbortSignal;
  readonly #patienceMs: number;
  /** targets that have begun and are on their way here */
  #expected = 0;
  #arrived: FeedPlace[] = [];
  #patience: NodeJS.Timeout | undefined;

  constructor(parts: FeedParts, found: FoundDisk, signal: AbortSignal, patienceMs: number) {
    this.#parts = parts;
    this.#found = found;
    this.#signal = signal;
    this.#patienceMs = patienceMs;
  }

  /** Says that a target is on its way: the pass begins when all who are have come, or will not, or have been waited for. */
  expect(): Feeding {
    this.#expected++;
    let isExpected = true;
    const arrive = () => {
      if (isExpected) this.#expected--;
      isExpected = false;
      if (this.#expected === 0) this.#begin();
    };
    return {
      fill: (taker) => {
        const place = new FeedPlace(taker);
        this.#arrived.push(place);
        // one that takes its time to open holds nobody up: it gets a pass of its own
        this.#patience ??= setTimeout(() => this.#begin(), this.#patienceMs);
        arrive();
        return place.ended;
      },
      end: arrive,
    };
  }

  #begin(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    const places = this.#arrived;
    this.#arrived = [];
    if (places.length > 0) void this.#feed(places);
  }

  async #feed(places: readonly FeedPlace[]): Promise<void> {
    const pool = this.#parts.presses.forJob(this.#signal);
    const lock = lockReader(this.#parts.layout);
    try {
      await withManifest(this.#parts, this.#found, async (manifest, json) => {
        let left = places;
        // the second and later passes are for those that fell behind
        while (left.length > 0) left = await this.#pass(manifest, json, pool, left);
      });
    } catch (error) {
      for (const place of places) place.fail(error);
    } finally {
      await pool.close();
      lock.release();
    }
  }

  /** @returns those that fell behind */
  async #pass(
    manifest: ManifestReader,
    json: ManifestJson,
    pool: PressPool,
    places: readonly FeedPlace[],
  ): Promise<FeedPlace[]> {
    const behind: FeedPlace[] = [];
    const windows = new Set<FedWindow>();
    const slow = new SlowTargets();
    let number = 0;
    for await (const record of manifest.records()) {
      const present = places.filter((place) => !place.hasFailed && !behind.includes(place));
      if (present.length === 0) break;
      const wanted = present.filter((place) => place.next === number && !place.pass(record));
      number++;
      if (wanted.length === 0) continue;
      for (const late of await slow.roomFor(wanted)) {
        behind.push(late);
        for (const window of windows) window.excuse(late);
      }
      const takers = wanted.filter((place) => !place.hasFailed && !behind.includes(place));
      if (takers.length === 0) continue;
      const memory = await pool.takeWindow();
      const window = new FedWindow(storedWindow(this.#parts.index, json, record), pool, memory, takers);
      windows.add(window);
      void window.over.then(() => windows.delete(window));
      for (const place of takers) place.give(window, slow.changed);
    }
    // nobody waits for another any more
    for (const window of windows) window.excuseAll();
    await Promise.all(places.filter((place) => !behind.includes(place)).map((place) => place.end()));
    return behind.filter(({ hasFailed }) => !hasFailed);
  }
}
