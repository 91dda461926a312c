/**
 * The wire: four verbs from a face (call, cancel, subscribe, unsubscribe), three answers from the engine (result, error,
 * event), over anything that passes structured messages: a MessagePort, a WebSocket, Electron's ports, or a function call.
 */
import { z } from 'zod';
import { COMMANDS, TOPICS, type CommandName, type TopicName } from './commands.ts';
import { ErrorViewSchema } from './errors.ts';

const id = z.number().int().nonnegative();

export const RequestSchema = z.discriminatedUnion('verb', [
  z.strictObject({
    verb: z.literal('call'),
    id,
    command: z.enum(Object.keys(COMMANDS) as [CommandName, ...CommandName[]]),
    params: z.unknown(),
  }),
  z.strictObject({ verb: z.literal('cancel'), id }),
  z.strictObject({
    verb: z.literal('subscribe'),
    id,
    topic: z.enum(Object.keys(TOPICS) as [TopicName, ...TopicName[]]),
  }),
  z.strictObject({ verb: z.literal('unsubscribe'), id }),
]);
export type Request = z.infer<typeof RequestSchema>;

export const ReplySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('result'), id, value: z.unknown() }),
  z.strictObject({ kind: z.literal('error'), id, error: ErrorViewSchema }),
  z.strictObject({ kind: z.literal('event'), id, event: z.unknown() }),
]);
export type Reply = z.infer<typeof ReplySchema>;

/** Two methods are all that the protocol asks of what carries it. */
export interface Transport<Out, In> {
  send(message: Out): void;
  /** @param listener is called with every message, and with null once when the other side is gone */
  receive(listener: (message: In | null) => void): void;
}
