import type { WebSocket } from 'ws';

/** A peer that broke a rule has no long farewell: it may go on sending until the connection is torn. */
const FAREWELL_MS = 1_000;

/** Says why, and ends the connection soon, whether or not the peer agrees. */
export function dismiss(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, reason);
  setTimeout(() => socket.terminate(), FAREWELL_MS).unref();
}
