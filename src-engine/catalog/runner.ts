/**
 * Who runs a job: more than a process number, which another process, another boot, a container or another machine on a shared
 * folder can have too. Sources: proc(5), `/proc/PID/stat` field 22, `/proc/sys/kernel/random/boot_id`; pid_namespaces(7).
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';

const RunnerSchema = z.object({
  host: z.string(),
  /** '' where the system does not tell it */
  bootId: z.string(),
  /** inode of the process numbers' namespace: two containers have their own process 7 */
  namespace: z.string(),
  processId: z.number().int(),
  /** in clock ticks after boot */
  startedAt: z.string(),
  /** name of the file that its engine keeps locked; '' where it has none */
  lock: z.string().default(''),
});
export type Runner = z.infer<typeof RunnerSchema>;

let own: Runner | null = null;

/** This process. */
export function thisRunner(): Runner {
  return (own ??= {
    host: hostname(),
    bootId: told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    namespace: told(() => readlinkSync('/proc/self/ns/pid')),
    processId: process.pid,
    startedAt: startOf(process.pid),
    lock: '',
  });
}

export function readRunner(text: string): Runner | null {
  try {
    return RunnerSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** @param isHeld whether somebody holds the lock of that name @returns whether a runner is certainly gone */
export function isGone(runner: Runner, isHeld: (lock: string) => boolean): boolean {
  return isGoneFromHere(runner) ?? (runner.lock !== '' && !isHeld(runner.lock));
}

/** @returns null for what runs elsewhere, where nobody here can look */
function isGoneFromHere(runner: Runner): boolean | null {
  const here = thisRunner();
  if (runner.bootId !== '' && here.bootId !== '' && runner.bootId !== here.bootId) {
    // another boot of this machine, or another machine
    return runner.host === here.host ? true : null;
  }
  if (runner.host !== here.host && runner.bootId === '') return null;
  // a container of this boot that is not ours: its numbers mean nothing here
  if (runner.namespace !== here.namespace) return null;
  if (!isAlive(runner.processId)) return true;
  const startedAt = startOf(runner.processId);
  return startedAt !== '' && runner.startedAt !== '' && startedAt !== runner.startedAt;
}

/** This process, short enough for a file's name: {@link hasLeft} tells from it whether its maker is gone. */
export function markOfRunner(): string {
  const { bootId, namespace, processId, startedAt } = thisRunner();
  return [shortBoot(bootId), digits(namespace), processId, digits(startedAt)].join('-');
}

/** Whether the maker of a mark is certainly gone. Of another boot nobody can tell: it may be another machine's. */
export function hasLeft(mark: string): boolean {
  const here = thisRunner();
  const [boot, namespace, processId, startedAt] = mark.split('-');
  if (here.bootId === '' || boot !== shortBoot(here.bootId) || namespace !== digits(here.namespace)) return false;
  return isGoneFromHere({ ...here, processId: Number(processId), startedAt }) ?? false;
}

const shortBoot = (bootId: string) => bootId.slice(0, 8);
const digits = (text: string) => text.replace(/\D/g, '');

/** Whether there is a process of that number, whatever it is. */
export function isAlive(processId: number): boolean {
  if (processId === process.pid) return true;
  if (!Number.isSafeInteger(processId) || processId <= 0) return false;
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function startOf(processId: number): string {
  return told(() => {
    const stat = readFileSync(`/proc/${processId}/stat`, 'latin1');
    // the name in parentheses may hold blanks and parentheses; field 3 follows it
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  });
}

function told(ask: () => string): string {
  try {
    return ask();
  } catch {
    return '';
  }
}
