/** The images that wait to be imported, and those whose import was started in this window. */
import { defineStore } from 'pinia';
import { computed, markRaw, ref } from 'vue';
import type { DiskFormat } from '../../../src-engine/contract/index.ts';
import { newProof, proofSaid } from '../boot/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { errorView } from '../../client/words.ts';
import { useJobs } from '../jobs/index.ts';
import { fileName, type DroppedFile } from './dropped.ts';
import {
  diskAsked,
  disksIn,
  emptyForm,
  importRequest,
  machineIn,
  needOf,
  NO_MACHINE,
  propose,
  withEntries,
  type QueuedImage,
} from './queued-image.ts';

export const useImports = defineStore('imports', () => {
  const engine = useEngine();
  const jobs = useJobs();
  const images = ref<QueuedImage[]>([]);
  const activeId = ref<number | null>(null);
  let lastId = 0;

  const waiting = computed(() => images.value.filter(({ jobId }) => jobId === null));
  const started = computed(() => images.value.filter(({ jobId }) => jobId !== null));
  const active = computed(() => waiting.value.find(({ id }) => id === activeId.value) ?? waiting.value.at(0) ?? null);
  const requestOf = (image: QueuedImage) => importRequest(image, proofSaid(image.proof));
  const ready = computed(() => waiting.value.filter((image) => requestOf(image) !== null));

  /** Looks at an image as soon as its place is known. What is said meanwhile makes the answer void. */
  async function look(image: QueuedImage) {
    const { path, entry, disk, format, password } = image;
    if (path === null) return;
    const asked = JSON.stringify([path, entry, disk, format, password]);
    const isAsked = () => JSON.stringify([image.path, image.entry, image.disk, image.format, image.password]) === asked;
    image.isLooking = true;
    image.error = null;
    try {
      const seen = await engine.call('import.look', {
        path,
        entry,
        ...diskAsked(image),
        format,
        password: password || null,
      });
      if (!isAsked()) return;
      image.machine = markRaw(machineIn(seen, image));
      image.view = markRaw(withEntries(seen, image));
      image.form = propose(image.form, seen);
    } catch (thrown) {
      if (isAsked()) image.error = errorView(thrown);
    } finally {
      if (isAsked()) image.isLooking = false;
    }
  }

  /** Puts files at the end of the queue; one that waits there already is not added twice. */
  function add(files: readonly DroppedFile[]) {
    for (const { name, path } of files) {
      const same = waiting.value.find((one) => (path === null ? one.name === name && !one.path : one.path === path));
      if (same) {
        activeId.value = same.id;
        continue;
      }
      const id = ++lastId;
      const said = { ...NO_MACHINE, password: '', entry: null, format: null, form: emptyForm(), proof: newProof() };
      images.value.push({ id, path, name, ...said, isLooking: false, view: null, error: null, jobId: null });
      if (files.length === 1) activeId.value = id;
      void look(images.value[images.value.length - 1]);
    }
  }

  const addPath = (path: string) => add([{ name: fileName(path), path }]);

  /** Says where an image is that was only known by name, or takes another file in its place. */
  function locate(image: QueuedImage, path: string) {
    Object.assign(image, {
      path,
      name: fileName(path),
      view: null,
      entry: null,
      format: null,
      password: '',
      ...NO_MACHINE,
    });
    return look(image);
  }

  function choose(
    image: QueuedImage,
    said: { entry: string } | { disk: number } | { format: DiskFormat | null } | { password: string },
  ) {
    Object.assign(image, 'disk' in said ? {} : NO_MACHINE, said);
    return look(image);
  }

  function remove(image: QueuedImage) {
    images.value = images.value.filter(({ id }) => id !== image.id);
  }

  /** Takes those out of sight that have ended. */
  function clearEnded() {
    images.value = images.value.filter(({ jobId }) => jobId === null || jobs.views.get(jobId)?.state !== 'ended');
  }

  function markStarted(image: QueuedImage, jobId: string) {
    const disks = image.view ? disksIn(image.view) : [];
    if (disks.length > 0) jobs.remember(jobId, disks);
    Object.assign(image, { jobId, password: '' });
  }

  /** Plans and starts all that are ready, with what is proposed for each. What a check forbids stays in the queue. */
  async function startReady() {
    for (const image of ready.value) {
      const request = requestOf(image);
      if (!request || image.jobId !== null) continue;
      try {
        const plan = await engine.call('import.plan', request);
        if (!plan.canRun) continue;
        markStarted(image, (await engine.call('import.start', { planId: plan.planId })).jobId);
      } catch (thrown) {
        image.error = errorView(thrown);
      }
    }
  }

  const needs = computed(() => new Map(waiting.value.map((image) => [image.id, needOf(image)])));

  return {
    images,
    waiting,
    started,
    ready,
    active,
    activeId,
    needs,
    add,
    addPath,
    look,
    locate,
    choose,
    remove,
    requestOf,
    clearEnded,
    markStarted,
    startReady,
  };
});
