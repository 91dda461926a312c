/** Machines take memory and processors: those of one engine wait for each other. */
import { availableParallelism } from 'node:os';

const MAX_MACHINES = Math.max(1, Math.floor(availableParallelism() / 2));
let running = 0;
const waiting: (() => void)[] = [];

/** Runs a machine when there is a place for it. @throws what `run` throws, and the signal's reason */
export async function inTurn<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  await takeTurn(signal);
  try {
    signal.throwIfAborted();
    return await run();
  } finally {
    running--;
    waiting.shift()?.();
  }
}

async function takeTurn(signal: AbortSignal): Promise<void> {
  while (running >= MAX_MACHINES) {
    await new Promise<void>((resolve) => {
      const leave = () => {
        waiting.splice(waiting.indexOf(begin), 1);
        resolve();
      };
      const begin = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      waiting.push(begin);
      signal.addEventListener('abort', leave, { once: true });
    });
    signal.throwIfAborted();
  }
  running++;
}
