/** Has a guest shut down, and waits until it has. Whoever is not asked never has its plug pulled. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Vm } from '../../contract/vm.contract.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { Power } from './power.port.ts';

const LOOK_MS = 500;
/** A system that is about to come up does not hear the power button, and one whose screen is locked may want to hear it twice. */
const ASK_AGAIN_MS = 20_000;

/**
 * @param untilMs by performance.now()
 * @returns its state at the end: 'off', or what it is still at that time; null: there is no such machine any more
 * @throws EngineError `TOOL_FAILED` where it could not be asked, and goes on; `HYPERVISOR_UNREACHABLE` where its hypervisor is away at that time; `ABORTED`
 */
export async function shutDownUntil(
  power: Power,
  id: string,
  untilMs: number,
  signal: AbortSignal,
): Promise<Vm['state'] | null> {
  await power.askToShutDown(id, signal).catch(async (error: unknown) => {
    // an agent that does not answer is waited for by the hypervisor, which then presses the button
    if (toEngineError(error).code === 'TOOL_TIMED_OUT') return;
    // what went off by itself cannot be asked any more
    if ((await power.state(id, signal)) !== 'off') throw error;
  });
  return offUntil(power, id, untilMs, signal, true);
}

/** Looks on only, or asks again now and then. As {@link shutDownUntil} */
export async function offUntil(
  power: Power,
  id: string,
  untilMs: number,
  signal: AbortSignal,
  asksAgain = false,
): Promise<Vm['state'] | null> {
  let askAtMs = performance.now() + ASK_AGAIN_MS;
  for (;;) {
    signal.throwIfAborted();
    const isLast = performance.now() >= untilMs;
    try {
      const state = await power.state(id, signal);
      if (state === 'off' || state === null || isLast) return state;
    } catch (error) {
      // a daemon that is started anew comes back
      signal.throwIfAborted();
      if (isLast) throw error;
    }
    if (asksAgain && performance.now() >= askAtMs) {
      askAtMs = performance.now() + ASK_AGAIN_MS;
      await power.askToShutDown(id, signal).catch(() => {});
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {
      throw new EngineError('ABORTED');
    });
  }
}
