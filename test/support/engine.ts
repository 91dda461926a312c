/** The engine as a face drives it, on a catalog of its own. */
import { expect } from 'vitest';
import { CommandError, createClient, type EngineClient } from '../../src-engine/contract/client.ts';
import type { CommandParams } from '../../src-engine/contract/commands.ts';
import type { JobView, Phase } from '../../src-engine/contract/job.contract.ts';
import { toEngineError } from '../../src-engine/core/engine-error.ts';
import { Engine } from '../../src-engine/host/engine.ts';
import { serveEngine } from '../../src-engine/host/router.ts';
import { startEngine } from '../../src-engine/host/start-engine.ts';
import { pressUrl, resourcesPath } from './catalog-handle.ts';
import { expectAccounted } from './account.ts';
import { isCorpusAsked, judgeLeftOut } from './every-input.ts';

export interface TestEngine {
  readonly client: EngineClient;
  /** Every state of every job, as it was told. */
  readonly events: JobView[];
  /** @returns the job once it has ended */
  ended(jobId: string): Promise<JobView>;
  /** @returns once a job is in that phase and has done something of it */
  reached(jobId: string, phase: Phase): Promise<JobView>;
  capture(source: string, name: string, more?: Partial<CommandParams<'capture.plan'>>): Promise<JobView>;
  /** the guest as it was captured, unless `identity` says otherwise */
  deploy(
    template: string,
    target: string,
    more?: Partial<Pick<CommandParams<'deploy.plan'>, 'lengthBytes' | 'volumes' | 'exact' | 'identity'>> & {
      overwrite?: boolean;
      confirm?: string;
    },
  ): Promise<JobView>;
  verify(template?: string): Promise<JobView>;
  prune(): Promise<JobView>;
  repair(): Promise<JobView>;
  close(): Promise<void>;
}

/**
 * In this thread, whose code is read and warm already. While a test waits for a program in the meantime (`run`), nothing of it goes on: what
 * programs are served by it needs {@link openEngineThread}.
 */
export async function openEngine(catalogPath: string, { stays = false } = {}): Promise<TestEngine> {
  const engine = opened({ catalogPath, version: '0.0.0', pressUrl, resourcesPath, stays });
  let receive: (message: unknown) => void = () => {};
  const client = createClient({
    send: (message) => void queueMicrotask(() => receive(message)),
    receive: (listener) =>
      serveEngine(engine, {
        send: (reply) => listener(reply),
        receive: (served) => void (receive = served),
      }),
  });
  return driven(client, catalogPath, () => engine.close());
}

/** What is thrown is told as a face is told. */
function opened(options: ConstructorParameters<typeof Engine>[0]): Engine {
  try {
    return new Engine(options);
  } catch (error) {
    throw new CommandError(toEngineError(error).toView());
  }
}

/** In a thread of its own, as faces have it. */
export async function openEngineThread(catalogPath: string, { stays = false } = {}): Promise<TestEngine> {
  const engine = await startEngine({ catalogPath, version: '0.0.0', resourcesPath, stays });
  return driven(engine.client(), catalogPath, () => engine.close());
}

function driven(client: EngineClient, catalogPath: string, close: () => Promise<void>): TestEngine {
  const events: JobView[] = [];
  const waiting = new Set<{ jobId: string; isMet(job: JobView): boolean; resolve(job: JobView): void }>();
  client.subscribe('jobs', (job) => {
    events.push(job);
    for (const wait of waiting) {
      if (wait.jobId !== job.id || !wait.isMet(job)) continue;
      waiting.delete(wait);
      wait.resolve(job);
    }
  });
  const until = (jobId: string, isMet: (job: JobView) => boolean) =>
    new Promise<JobView>((resolve) => {
      const past = events.find((job) => job.id === jobId && isMet(job));
      if (past) resolve(past);
      else waiting.add({ jobId, isMet, resolve });
    });
  const accounted = new Set<string>();
  const ended = async (jobId: string) => {
    const job = await until(jobId, (one) => one.state === 'ended');
    const isNew = job.outcome === 'done' && ['capture', 'import'].includes(job.kind) && !accounted.has(jobId);
    if (isNew && job.result?.templateId) {
      accounted.add(jobId);
      const { templateId, versionNumber } = job.result;
      const { versions } = await client.call('template.show', { template: templateId });
      const version = versions.find(({ number }) => number === versionNumber)!;
      // packages bring the account of their capture along
      for (const { layout, source } of version.disks) if (layout.account) expectAccounted(layout, source);
      if (isCorpusAsked) await judgeLeftOut(catalogPath, templateId, version.number);
    }
    return job;
  };
  return {
    client,
    events,
    ended,
    reached: (jobId, phase) => until(jobId, (job) => job.state === 'ended' || job.progress?.phase === phase),
    async capture(source, name, more = {}) {
      const { planId } = await client.call('capture.plan', { source, name, ...more });
      return ended((await client.call('capture.start', { planId })).jobId);
    },
    async deploy(template, target, { lengthBytes, volumes, exact, identity = 'keep', ...confirmation } = {}) {
      const how = { lengthBytes, volumes, exact, identity };
      const { planId } = await client.call('deploy.plan', { template, target, ...how });
      return ended((await client.call('deploy.start', { planId, ...confirmation })).jobId);
    },
    verify: async (template) => ended((await client.call('verify.start', { template: template ?? null })).jobId),
    prune: async () => ended((await client.call('prune.start', {})).jobId),
    repair: async () => ended((await client.call('repair.start', {})).jobId),
    close,
  };
}

/** The result of a job that went well; fails the test with its error where it did not. */
export function resultOf(job: JobView): NonNullable<JobView['result']> {
  expect(job.error).toBeNull();
  expect(job.outcome).toBe('done');
  return job.result!;
}

/** The error of a command that must fail. */
export async function refusal(command: Promise<unknown>): Promise<CommandError['view']> {
  const error = await command.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CommandError);
  return (error as CommandError).view;
}
