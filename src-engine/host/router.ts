/** Between a transport and the engine: checks every message, runs calls, carries events. One router for each connection. */
import { COMMANDS, type CommandName, type TopicName } from '../contract/commands.ts';
import { RequestSchema, type Reply, type Transport } from '../contract/protocol.ts';
import { wrongRequest } from '../contract/wrong-request.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { Engine } from './engine.ts';

/** A face that asks for more at once is broken. */
const MAX_CALLS = 1000;

export function serveEngine(engine: Engine, transport: Transport<Reply, unknown>): void {
  const calls = new Map<number, AbortController>();
  const subscriptions = new Map<number, () => void>();

  transport.receive((message) => {
    if (message === null) {
      for (const call of calls.values()) call.abort();
      for (const end of subscriptions.values()) end();
      subscriptions.clear();
      return;
    }
    const parsed = RequestSchema.safeParse(message);
    if (!parsed.success) {
      const error = new EngineError('BAD_REQUEST', wrongRequest(parsed.error), parsed.error.issues[0].message);
      return transport.send({ kind: 'error', id: idOf(message), error: error.toView() });
    }
    const request = parsed.data;
    switch (request.verb) {
      case 'call':
        return void call(request.id, request.command, request.params);
      case 'cancel':
        return calls.get(request.id)?.abort();
      case 'subscribe':
        return subscribe(request.id, request.topic);
      case 'unsubscribe':
        subscriptions.get(request.id)?.();
        subscriptions.delete(request.id);
    }
  });

  async function call(id: number, command: CommandName, params: unknown): Promise<void> {
    const abort = new AbortController();
    try {
      if (calls.has(id) || calls.size >= MAX_CALLS) throw new EngineError('BAD_REQUEST', { reason: 'too many calls' });
      calls.set(id, abort);
      const checked = COMMANDS[command].params.safeParse(params);
      if (!checked.success) {
        throw new EngineError('BAD_REQUEST', wrongRequest(checked.error), checked.error.issues[0].message);
      }
      transport.send({ kind: 'result', id, value: await engine.run(command, checked.data as never, abort.signal) });
    } catch (thrown) {
      const error = abort.signal.aborted ? new EngineError('ABORTED') : toEngineError(thrown);
      transport.send({ kind: 'error', id, error: error.toView() });
    } finally {
      // the number of a call that is refused may be that of one that runs
      if (calls.get(id) === abort) calls.delete(id);
    }
  }

  function subscribe(id: number, topic: TopicName): void {
    if (subscriptions.has(id) || subscriptions.size >= MAX_CALLS) return;
    subscriptions.set(
      id,
      engine.subscribe(topic, (event) => transport.send({ kind: 'event', id, event })),
    );
  }
}

/** The number that a broken message gave itself, so that its sender learns of it; 0 where it has none. */
function idOf(message: unknown): number {
  const id = typeof message === 'object' && message !== null && 'id' in message ? message.id : 0;
  return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0 ? id : 0;
}
