/** A WebSocket that carries the engine's protocol: one JSON message for each message of the port. */
import type { MessagePort } from 'node:worker_threads';
import type { RawData, WebSocket } from 'ws';

/** Requests are small; a larger one ends the connection (ws closes with 1009). */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
/** A page that reads slower than this piles up is cut off, and connects anew. Pages of the catalog have about 1 MB. */
export const MAX_BUFFERED_BYTES = 96 * 1024 * 1024;
/** A dead connection is noticed within twice this time. */
export const PING_EVERY_MS = 30_000;

/** Close codes of RFC 6455, section 7.4.1. */
const GOING_AWAY = 1001;
const UNSUPPORTED_DATA = 1003;
const INVALID_PAYLOAD = 1007;

/**
 * Joins the two until either ends, then ends the other.
 * @param limits for tests
 */
export function bridgeSocket(
  socket: WebSocket,
  port: MessagePort,
  { maxBufferedBytes = MAX_BUFFERED_BYTES, pingEveryMs = PING_EVERY_MS } = {},
): void {
  let isAlive = true;
  const pinging = setInterval(() => {
    if (!isAlive) return socket.terminate();
    isAlive = false;
    socket.ping();
  }, pingEveryMs);

  socket.on('pong', () => (isAlive = true));
  socket.on('message', (data, isBinary) => {
    if (isBinary) return socket.close(UNSUPPORTED_DATA, 'text only');
    const message = parseObject(data);
    if (message) port.postMessage(message);
    else socket.close(INVALID_PAYLOAD, 'a JSON object is expected');
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

function parseObject(data: RawData): object | null {
  try {
    const value: unknown = JSON.parse(data.toString());
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}
