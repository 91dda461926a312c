/** Calls of a command that may be cancelled: whatever comes back after that is not gone on with. */
import { CommandError, type EngineClient } from '../../src-engine/contract/index.ts';

/** Whoever cancels before a job has begun has changed nothing. */
export const notBegun = () =>
  new CommandError({ code: 'ABORTED', message: 'cancelled', hint: '', data: { begun: false } });

/** @returns what never resolves @throws CommandError `ABORTED` when the signal aborts */
export function interrupted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(notBegun());
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** @returns the client, whose calls are taken back when the signal aborts, and refused afterwards: `ABORTED` */
export function cancellable(client: EngineClient, signal: AbortSignal): EngineClient {
  const refuse = () => {
    if (signal.aborted) throw notBegun();
  };
  return {
    async call(command, params) {
      refuse();
      try {
        return await client.call(command, params, signal);
      } finally {
        refuse();
      }
    },
    subscribe: (topic, listener) => client.subscribe(topic, listener),
    onLost: (listener) => client.onLost(listener),
  };
}
