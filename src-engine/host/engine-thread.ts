/** The engine's thread, which may be started before anybody knows for which catalog: reading its code takes as long as reading the face's. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { IfNoCatalog } from './catalog-place.ts';

/** What a face says of the engine that it starts. */
export interface FaceOptions {
  /** the catalog's folder */
  readonly catalogPath: string;
  readonly version: string;
  /** folder of what comes with Diskpress: policies, tables, a small disk image to try things with */
  readonly resourcesPath: string;
  /** where it is left out: `make` */
  readonly ifNoCatalog?: IfNoCatalog;
  /** it serves a face that goes on until somebody ends it: what machines need is served meanwhile */
  readonly stays?: boolean;
  /** what starts the same face with root's rights, for a shell */
  readonly commandAsRoot?: string | null;
}

/** The first message to the thread. */
export interface OpenEngine extends FaceOptions {
  readonly pressUrl: string;
}

let ahead: Worker | null = null;

/** Starts a thread that the next engine will be opened in. It does not keep the process; nor does its failure end it before it is taken. */
export function startEngineThreadAhead(): void {
  ahead = startThread();
  ahead.unref();
  ahead.once('error', () => (ahead = null));
}

/** @returns one that was started ahead, or a new one; it waits for an {@link OpenEngine} */
export function takeEngineThread(): Worker {
  const worker = ahead ?? startThread();
  ahead = null;
  worker.ref();
  return worker;
}

/**
 * By how much of what is in use a heap may grow until V8 looks through it: by itself it lets those of long jobs become four times as large.
 * Buffers count: below 100, an engine that serves a disk looks through its heap most of the time.
 */
const HEAP_GROWTH_PERCENT = 100;

function startThread(): Worker {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  return new Worker(workerEntry('./worker.ts', 'engine.js'), {
    // small objects are soon gone: V8 would else let them grow to several times this
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  });
}

/**
 * In a build the entries lie side by side; in the sources they stand where they are written. Tests run in the sources and name
 * the build's folder in DISKPRESS_WORKERS: Node strips types with WebAssembly code, and threads that come and go with it
 * rarely end the process (V8: Check failed: jit_page_->allocations_.erase). A build has no such code.
 */
export function workerEntry(source: string, built: string): URL {
  if (!import.meta.url.endsWith('.ts')) return new URL(`./${built}`, import.meta.url);
  const folder = process.env.DISKPRESS_WORKERS;
  return folder ? pathToFileURL(join(folder, built)) : new URL(source, import.meta.url);
}
