/** The images that wait to be imported, and those whose import was started in this window. */
import { defineStore } from 'pinia';
import { computed, markRaw, reactive, ref } from 'vue';
import type { DiskFormat } from '../../../src-engine/contract/index.ts';
import { newProof, proofSaid } from '../boot/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { keepDraftOf } from '../../client/drafts.ts';
import { sendFiles } from '../../client/upload.ts';
import { errorView } from '../../client/words.ts';
import { useJobs } from '../jobs/index.ts';
import { fileName, type DroppedFile } from './dropped.ts';
import {
  diskAsked,
  draftOfImage,
  disksIn,
  emptyForm,
  importRequest,
  machineIn,
  needOf,
  NO_MACHINE,
  propose,
  withEntries,
  type ImageDraft,
  type QueuedImage,
} from './queued-image.ts';

/** One of which nothing was said yet. */
const emptyImage = (id: number): QueuedImage => ({
  ...{ id, path: null, name: '', sending: null, uploadId: null, canBeSent: false, password: '', entry: null },
  ...{ ...NO_MACHINE, format: null, isLooking: false, view: null, error: null, form: emptyForm() },
  ...{ proof: newProof(), jobId: null },
});

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

  /** what a browser gave of files whose place it does not tell, and what ends their way here */
  const contents = new Map<number, NonNullable<DroppedFile['content']>>();
  const aborts = new Map<number, AbortController>();
  let lastSent: Promise<unknown> = Promise.resolve();
  const isSending = computed(() => images.value.some(({ sending }) => sending !== null));

  /** Sends a file or folder, once those that came before it have arrived, and looks at it then. */
  async function send(image: QueuedImage) {
    const content = contents.get(image.id);
    if (!content) return;
    const abort = new AbortController();
    aborts.set(image.id, abort);
    image.error = null;
    const sending = (image.sending = reactive({ doneBytes: 0, totalBytes: null as number | null }));
    const sent = lastSent.then(async () => {
      abort.signal.throwIfAborted();
      const files = await content();
      sending.totalBytes = files.reduce((sum, { file }) => sum + file.size, 0);
      return sendFiles(engine.call, files, abort.signal, (bytes) => (sending.doneBytes = bytes));
    });
    lastSent = sent.catch(() => {});
    try {
      const { path, uploadId } = await sent;
      if (abort.signal.aborted) return forgetUpload(uploadId);
      Object.assign(image, { path, uploadId, sending: null });
      await look(image);
    } catch (thrown) {
      if (abort.signal.aborted) return;
      Object.assign(image, { sending: null, error: errorView(thrown) });
    }
  }

  /** Ends the way of a file here, at once: a person says where it lies. */
  function askPath(image: QueuedImage) {
    aborts.get(image.id)?.abort();
    Object.assign(image, { sending: null, error: null });
  }

  const forgetUpload = (uploadId: string | null) =>
    uploadId !== null && void engine.call('upload.drop', { uploadId }).catch(() => {});

  /** Those that wait, as they are chosen, for a page that is loaded anew: without passwords, and without what is on its way. */
  const drafts = computed(() =>
    waiting.value
      .filter(({ path }) => path !== null)
      .map((image) => draftOfImage(image, image.id === active.value?.id)),
  );

  /** Takes up what a page had before it was loaded anew, or what a job was started with. */
  function restore(kept: readonly ImageDraft[]) {
    for (const { isActive, ...said } of kept) {
      if (waiting.value.some(({ path }) => path === said.path)) continue;
      const id = ++lastId;
      images.value.push({ ...emptyImage(id), ...said });
      if (isActive) activeId.value = id;
      void look(images.value[images.value.length - 1]);
    }
  }

  /** Puts files at the end of the queue; one that waits there already is not added twice. */
  function add(files: readonly DroppedFile[]) {
    for (const { name, path, content } of files) {
      const same = waiting.value.find((one) =>
        path === null ? one.name === name && one.canBeSent : one.path === path,
      );
      if (same) {
        activeId.value = same.id;
        continue;
      }
      const id = ++lastId;
      images.value.push({ ...emptyImage(id), path, name, canBeSent: content !== undefined });
      if (files.length === 1) activeId.value = id;
      const added = images.value[images.value.length - 1];
      if (content) contents.set(id, content);
      void (path === null ? send(added) : look(added));
    }
  }

  const addPath = (path: string) => add([{ name: fileName(path), path }]);

  /** Says where an image is that was only known by name, or takes another file in its place. */
  function locate(image: QueuedImage, path: string) {
    forgetUpload(image.uploadId);
    Object.assign(image, {
      path,
      uploadId: null,
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
    aborts.get(image.id)?.abort();
    forgetUpload(image.uploadId);
    contents.delete(image.id);
    images.value = images.value.filter(({ id }) => id !== image.id);
  }

  /** Takes those out of sight that have ended. */
  function clearEnded() {
    images.value = images.value.filter(({ jobId }) => jobId === null || jobs.views.get(jobId)?.state !== 'ended');
  }

  function markStarted(image: QueuedImage, jobId: string) {
    const disks = image.view ? disksIn(image.view) : [];
    if (disks.length > 0) jobs.remember(jobId, disks);
    keepDraftOf(jobId, { wizard: 'import', form: { images: [draftOfImage(image, true)] } });
    // the engine removes what was sent when the job has ended
    contents.delete(image.id);
    Object.assign(image, { jobId, password: '', uploadId: null });
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
    isSending,
    drafts,
    restore,
    add,
    addPath,
    send,
    askPath,
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
