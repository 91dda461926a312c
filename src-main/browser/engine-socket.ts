/** A WebSocket that carries the engine's protocol: one JSON message for each message of the port. */
import type { MessagePort } from 'node:worker_threads';
import type { RawData, WebSocket } from 'ws';
import { dismiss } from './dismiss.ts';
import { allowance, MAX_NESTING, nestsDeeperThan, type Rate } from './message-limits.ts';

/** A page that reads slower than this piles up is cut off, and connects anew. Pages of the catalog have about 1 MB. */
const MAX_BUFFERED_BYTES = 96 * 1024 * 1024;
/** A dead connection is noticed within twice this time. */
const PING_EVERY_MS = 30_000;
/** A page asks a few times for what a person does; pings and pongs count too. */
const MESSAGES: Rate = { atOnce: 2_000, perSecond: 200 };

/** Close codes of RFC 6455, section 7.4.1. */
const GOING_AWAY = 1001;
const UNSUPPORTED_DATA = 1003;
const INVALID_PAYLOAD = 1007;
const POLICY_VIOLATION = 1008;

/**
 * Joins the two until either ends, then ends the other.
 * @param limits for tests
 */
export function bridgeSocket(
  socket: WebSocket,
  port: MessagePort,
  { maxBufferedBytes = MAX_BUFFERED_BYTES, pingEveryMs = PING_EVERY_MS, messages = MESSAGES } = {},
): void {
  let isAlive = true;
  const mayCome = allowance(messages);
  const pinging = setInterval(() => {
    if (!isAlive) return socket.terminate();
    isAlive = false;
    socket.ping();
  }, pingEveryMs);

  /** Whether one more message of any sort is taken; the connection ends where not. */
  const isTaken = () => {
    if (socket.readyState !== socket.OPEN) return false;
    // its own pongs pile up for a peer that pings and does not read
    if (socket.bufferedAmount > maxBufferedBytes) socket.terminate();
    else if (mayCome(1)) return true;
    else dismiss(socket, POLICY_VIOLATION, 'too many messages');
    return false;
  };
  socket.on('ping', isTaken);
  socket.on('pong', () => {
    if (isTaken()) isAlive = true;
  });
  socket.on('message', (data, isBinary) => {
    if (!isTaken()) return;
    if (isBinary) return dismiss(socket, UNSUPPORTED_DATA, 'text only');
    const message = parseObject(data);
    if (message) port.postMessage(message);
    else dismiss(socket, INVALID_PAYLOAD, 'a JSON object is expected');
  });
  // an error is followed by a close
  socket.on('error', () => {});
  socket.on('close', () => {
    clearInterval(pinging);
    port.close();
  });

  port.on('message', (message: unknown) => {
    if (socket.readyState !== socket.OPEN) return;
    // asked before sending: one long reply is no pile
    if (socket.bufferedAmount > maxBufferedBytes) return socket.terminate();
    socket.send(JSON.stringify(message));
  });
  port.on('close', () => socket.close(GOING_AWAY, 'the engine is gone'));
}

/** @returns null for what is no JSON, no object, or nested too deeply to be looked at */
export function parseObject(data: RawData): object | null {
  const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
  if (nestsDeeperThan(bytes, MAX_NESTING)) return null;
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}
