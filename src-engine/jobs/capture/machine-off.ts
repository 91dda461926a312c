/**
 * A machine that runs is shut down for its capture, and started again whatever comes of that: also by the next engine, where this one dies. Both
 * have a line in the log.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Vm } from '../../contract/vm.contract.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { powerAt } from '../../machines/hypervisors/hypervisors.ts';
import type { Power } from '../../machines/hypervisors/power.port.ts';
import { offUntil, shutDownUntil } from '../../machines/hypervisors/wait-until-off.ts';
import type { EngineParts } from '../engine-parts.ts';

/**
 * A guest that was asked cannot be asked not to. One that comes off only after its deadline is started again within as long once more, and no longer than
 * systemd lets a service take its time (90 s). Whatever goes off later than that is not ours to start: somebody may have wanted it off.
 */
const MAX_PATIENCE_MS = 90_000;
/** A daemon that is being started anew, a network that comes up. */
const TRIES = 4;
const PAUSE_MS = 1500;

export interface MachineOff {
  /** Once, however often it is called. What fails is told, and stays owed. */
  startAgain(): Promise<void>;
}

/**
 * @param vm that runs
 * @throws EngineError `VM_TRANSIENT` (place); `VM_WILL_NOT_SHUT_DOWN` (place, seconds, cameOff: it did so late, and was started again); `VM_NOT_FOUND`,
 *   `HYPERVISOR_UNREACHABLE`, `TOOL_FAILED`, `ABORTED`; where it cannot be written down that it is to be started again, it is not asked
 */
export async function shutDown(
  { pledges, audit }: EngineParts,
  { place, id }: Vm,
  withinSeconds: number,
  context: JobContext,
): Promise<MachineOff> {
  const power = powerAt(place);
  if (!(await power.isKept(id, context.signal))) throw new EngineError('VM_TRANSIENT', { place });
  const withinMs = withinSeconds * 1000;
  const patienceMs = Math.min(withinMs, MAX_PATIENCE_MS);
  const mayGoOffUntil = new Date(Date.now() + withinMs + patienceMs).toISOString();
  const pledge = await pledges.give({ kind: 'start-machine', place, id, mayGoOffUntil });
  context.phase('shutting-down', 0);
  const log = (action: string) => {
    try {
      audit.add(action, place, { id });
    } catch {
      // it was done, whatever becomes of the line: a catalog that is full or damaged is no reason against that
    }
  };
  let started: Promise<void> | null = null;
  const start = async () => {
    try {
      await startWith(power, id);
      await pledges.kept(pledge);
      log('vm.started');
    } catch (error) {
      const { code, data } = toEngineError(error);
      context.warn({ code: 'VM_NOT_STARTED_AGAIN', data: { place, said: data.said ?? code } });
    }
  };
  const startAgain = () => (started ??= start());
  try {
    const state = await shutDownUntil(power, id, performance.now() + withinMs, context.signal);
    if (state === 'off') {
      log('vm.stopped');
      return { startAgain };
    }
    if (state === null) throw new EngineError('VM_NOT_FOUND', { place });
    throw new EngineError('VM_WILL_NOT_SHUT_DOWN', { place, seconds: withinSeconds, cameOff: false });
  } catch (error) {
    const { code, data } = toEngineError(error);
    const cameOff = code !== 'TOOL_FAILED' && (await comesOff(power, id, patienceMs));
    if (cameOff) {
      log('vm.stopped');
      await startAgain();
    } else await pledges.kept(pledge);
    throw code === 'VM_WILL_NOT_SHUT_DOWN' ? new EngineError(code, { ...data, cameOff }) : error;
  }
}

/** Nobody waits any more, but the guest may be on its way. */
async function comesOff(power: Power, id: string, patienceMs: number): Promise<boolean> {
  const signal = new AbortController().signal;
  // away to the last: whether it is off is for the next engine to see
  return (await offUntil(power, id, performance.now() + patienceMs, signal).catch(() => 'off')) === 'off';
}

async function startWith(power: Power, id: string): Promise<void> {
  const { signal } = new AbortController();
  for (let tries = 1; ; tries++) {
    try {
      return await power.start(id, signal);
    } catch (error) {
      if (tries === TRIES) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
