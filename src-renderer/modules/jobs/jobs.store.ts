/** All jobs, kept up to date as they run, and what can be done to them. */
import { defineStore } from 'pinia';
import { computed, ref, shallowReactive, shallowRef } from 'vue';
import {
  isMainPhase,
  steady,
  type DiskView,
  type ErrorView,
  type JobView,
  type Phase,
} from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { errorView } from '../../client/words.ts';
import { useCatalog } from '../catalog/index.ts';
import { shareOfAll } from './progress.ts';
import { NO_RATES, withRate, type Rates } from './rates.ts';

const DISKS_KEY = 'diskpress.job-disks';
const MOST_PICTURED = 20;

/** What a listener hears of: a phase that began, or the end. */
export type JobMoment = { job: JobView; phase: Phase | null };

export const useJobs = defineStore('jobs', () => {
  const engine = useEngine();
  const catalog = useCatalog();
  const views = shallowReactive(new Map<string, JobView>());
  /** how fast each has been, as far as this window has seen it */
  const rates = shallowReactive(new Map<string, Rates>());
  const isLoaded = ref(false);
  const error = shallowRef<ErrorView | null>(null);
  const moment = shallowRef<JobMoment | null>(null);

  /** newest first; a job keeps its place while it runs and when it ends */
  const jobs = computed(() => [...views.values()].sort((a, b) => b.createdAt.localeCompare(a.createdAt)));
  const running = computed(() => jobs.value.filter((job) => job.state !== 'ended'));
  const share = computed(() => shareOfAll(running.value));

  function take(job: JobView) {
    const before = views.get(job.id);
    const next = steady(before, job);
    views.set(job.id, next);
    const { bytesPerSecond = 0, phase = null } = next.progress ?? {};
    // a look or a verification has a rate of its own, which says nothing of the work
    if (next.state === 'running' && bytesPerSecond > 0 && phase && isMainPhase(next.kind, phase)) {
      rates.set(job.id, withRate(rates.get(job.id) ?? NO_RATES, { at: Date.now(), bytesPerSecond }));
    }
    if (next.state === 'ended') {
      if (before && before.state !== 'ended') moment.value = { job: next, phase: null };
    } else if (next.progress && next.progress.phase !== before?.progress?.phase) {
      moment.value = { job: next, phase: next.progress.phase };
    }
  }

  async function load() {
    try {
      for (const job of await engine.call('job.list', {})) take(job);
      isLoaded.value = true;
      error.value = null;
    } catch (thrown) {
      error.value = errorView(thrown);
    }
  }

  engine.whenConnected(() => {
    engine.subscribe('jobs', take);
    // jobs of other processes, and the list of a catalog that came back
    engine.subscribe('catalog', ({ templateId }) => void (templateId === null && load()));
    void load();
  });

  /** @throws CommandError */
  async function cancel(jobId: string) {
    take(await engine.call('job.cancel', { jobId }));
  }

  /** The disks of the jobs that were started from this window, part by part: a job itself carries no picture. */
  const pictures = shallowReactive(new Map<string, readonly DiskView[]>());
  try {
    for (const [id, disks] of JSON.parse(sessionStorage.getItem(DISKS_KEY) ?? '[]') as [string, DiskView[]][]) {
      pictures.set(id, disks);
    }
  } catch {
    // Without storage, or with something else in it, the pictures begin with the next job.
  }

  /** @param disks in the order of the job's parts */
  function remember(jobId: string, disks: readonly DiskView[]) {
    pictures.set(jobId, disks);
    try {
      sessionStorage.setItem(DISKS_KEY, JSON.stringify([...pictures].slice(-MOST_PICTURED)));
    } catch {
      // The picture is kept for as long as the window lives.
    }
  }

  /** The disks that a job works on, one for each of its parts: as its plan had them, else as the template has them. */
  function disksOf(job: JobView): readonly (DiskView | null)[] {
    const known = pictures.get(job.id) ?? [];
    const template = job.result?.templateId
      ? catalog.byId.get(job.result.templateId)
      : catalog.byName.get(job.templateName.toLowerCase());
    const version = template?.versions.find(({ number }) => number === job.result?.versionNumber);
    const disks = (version ?? template?.versions[0])?.disks ?? [];
    if (job.parts.length > 1) {
      return job.parts.map(({ disk = 1 }, i) => known[i] ?? disks[disk - 1]?.layout ?? null);
    }
    const { disk } = job.parts[0] ?? {};
    // a check, or a whole package, is about all of them
    const about = disk === undefined ? disks : disks.slice(disk - 1, disk);
    return known.length > 0 ? known : about.map(({ layout }) => layout);
  }

  return { views, rates, jobs, running, share, moment, isLoaded, error, load, cancel, remember, disksOf };
});
