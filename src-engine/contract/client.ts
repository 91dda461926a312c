/** The typed client of the contract: the same in a page, in Electron and on the command line. */
import {
  COMMANDS,
  TOPICS,
  type CommandName,
  type CommandParams,
  type CommandResult,
  type TopicEvent,
  type TopicName,
} from './commands.ts';
import type { ErrorView } from './errors.ts';
import { ReplySchema, type Request, type Transport } from './protocol.ts';

/** A command that failed: carries the engine's error as it came. */
export class CommandError extends Error {
  readonly view: ErrorView;
  constructor(view: ErrorView) {
    super(view.message);
    this.name = 'CommandError';
    this.view = view;
  }
}

export interface EngineClient {
  /** @throws CommandError with the engine's code; `ENGINE_LOST` where the engine is gone */
  call<C extends CommandName>(command: C, params: CommandParams<C>, signal?: AbortSignal): Promise<CommandResult<C>>;
  /** @returns a function that ends the subscription */
  subscribe<T extends TopicName>(topic: T, listener: (event: TopicEvent<T>) => void): () => void;
  /** @param listener is called once when the connection is lost */
  onLost(listener: () => void): void;
}

const LOST: ErrorView = {
  code: 'ENGINE_LOST',
  message: 'The engine is gone.',
  hint: 'Start Diskpress again.',
  data: {},
};

/** @param transport carries requests out and replies in */
export function createClient(transport: Transport<Request, unknown>): EngineClient {
  let nextId = 1;
  let isLost = false;
  const waiting = new Map<number, { command: CommandName; resolve(value: never): void; reject(error: Error): void }>();
  const listeners = new Map<number, { topic: TopicName; listener(event: never): void }>();
  const lostListeners: (() => void)[] = [];

  transport.receive((message) => {
    if (message === null) {
      isLost = true;
      for (const call of waiting.values()) call.reject(new CommandError(LOST));
      waiting.clear();
      for (const listener of lostListeners) listener();
      return;
    }
    const reply = ReplySchema.parse(message);
    if (reply.kind === 'event') {
      const subscription = listeners.get(reply.id);
      if (subscription) subscription.listener(TOPICS[subscription.topic].parse(reply.event) as never);
      return;
    }
    const call = waiting.get(reply.id);
    if (!call) return;
    waiting.delete(reply.id);
    if (reply.kind === 'error') return call.reject(new CommandError(reply.error));
    const checked = COMMANDS[call.command].result.safeParse(reply.value);
    if (checked.success) call.resolve(checked.data as never);
    else call.reject(checked.error);
  });

  return {
    call(command, params, signal) {
      return new Promise((resolve, reject) => {
        if (isLost) return reject(new CommandError(LOST));
        signal?.throwIfAborted();
        const id = nextId++;
        waiting.set(id, { command, resolve, reject });
        signal?.addEventListener('abort', () => transport.send({ verb: 'cancel', id }), { once: true });
        transport.send({ verb: 'call', id, command, params });
      });
    },
    subscribe(topic, listener) {
      const id = nextId++;
      listeners.set(id, { topic, listener });
      transport.send({ verb: 'subscribe', id, topic });
      return () => {
        listeners.delete(id);
        transport.send({ verb: 'unsubscribe', id });
      };
    },
    onLost(listener) {
      lostListeners.push(listener);
    },
  };
}
