/** The door: a socket says who it is before anything else, within seconds, or is closed. */
import type { WebSocket } from 'ws';
import { EntranceSchema, REFUSAL_CLOSE_CODES } from '../../src-engine/contract/index.ts';
import { dismiss } from './dismiss.ts';
import { parseObject } from './engine-socket.ts';
import type { Session } from './session.ts';

/** A page sends its first message at once. */
const FIRST_MESSAGE_WITHIN_MS = 5_000;

const POLICY_VIOLATION = 1008;

/** @param onEntered is called once, with the session already told to the page */
export function guardEntrance(socket: WebSocket, session: Session, onEntered: () => void): void {
  const refuse = (code: number, reason: string) => dismiss(socket, code, reason);
  const timer = setTimeout(() => refuse(POLICY_VIOLATION, 'nothing was said'), FIRST_MESSAGE_WITHIN_MS);
  const onError = () => {};
  socket.on('error', onError);
  socket.once('close', () => clearTimeout(timer));
  socket.once('message', (data, isBinary) => {
    clearTimeout(timer);
    const said = EntranceSchema.safeParse(isBinary ? null : parseObject(data));
    if (!said.success) return refuse(POLICY_VIOLATION, 'who is it?');
    const answer = session.enter(said.data);
    if (typeof answer === 'string') return refuse(REFUSAL_CLOSE_CODES[answer], answer);
    socket.send(JSON.stringify(answer));
    socket.off('error', onError);
    onEntered();
  });
}
