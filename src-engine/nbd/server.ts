/** Serves a disk to other programs of this machine, read-only, as a network block device: on a Unix socket, or on a port of the loopback address. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { LOOPBACK, type NbdExport, type NbdPlace } from './export.port.ts';
import { shakeHands } from './handshake.ts';
import { Peer, PeerGone } from './peer.ts';
import { transmit } from './transmission.ts';

/** Programs that copy open some at once. Each can have a few pieces in memory. */
const MAX_CONNECTIONS = 32;
/** Whoever connects and says nothing has no place for ever. */
const HANDSHAKE_MS = 20_000;

export interface NbdServer {
  /** the port, where it listens on one */
  readonly port: number | null;
  /** Ends all connections, and what they wait for. What is served is the caller's to close. */
  close(): Promise<void>;
}

/** @throws EngineError `DEVICE_BUSY` where the port is taken, `BAD_REQUEST` where the path is too long for a socket; `PERMISSION_DENIED`, `NOT_FOUND` */
export async function serveNbd(exported: NbdExport, on: NbdPlace): Promise<NbdServer> {
  const abort = new AbortController();
  const connections = new Map<Socket, Promise<void>>();
  const server = createServer((socket) => {
    connections.set(socket, serveConnection(socket, exported, abort.signal, HANDSHAKE_MS));
    socket.once('close', () => connections.delete(socket));
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, on);
  const address = server.address();
  return {
    port: typeof address === 'object' ? (address as AddressInfo).port : null,
    async close() {
      const closed = once(server, 'close');
      server.close();
      abort.abort();
      const works = [...connections.values()];
      for (const socket of connections.keys()) socket.destroy();
      await Promise.all([...works, closed]);
    },
  };
}

/** @throws EngineError */
async function listen(server: Server, on: NbdPlace): Promise<void> {
  if ('socketPath' in on) server.listen(on.socketPath);
  else server.listen(on.port, LOOPBACK);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    const place = 'socketPath' in on ? on.socketPath : `${LOOPBACK}:${on.port}`;
    // a port that somebody has, and one that only root may have
    if (error.code === 'EADDRINUSE') throw new EngineError('DEVICE_BUSY', { path: place }, '', { cause: error });
    // a socket's path has 107 bytes at most: unix(7)
    if (['EINVAL', 'ENAMETOOLONG'].includes(error.code ?? '')) {
      throw new EngineError('BAD_REQUEST', { field: place, reason: `${place}: ${error.code}` }, '', { cause: error });
    }
    throw toEngineError(error, place);
  });
}

/**
 * One client, from its first word to its last. What it does wrong ends its own connection. Never fails.
 * @param handshakeMs how long it may take to come to terms; 0: as long as it likes
 */
export async function serveConnection(
  socket: Socket,
  exported: NbdExport,
  signal: AbortSignal,
  handshakeMs = 0,
): Promise<void> {
  const peer = new Peer(socket);
  const deadline = handshakeMs > 0 ? setTimeout(() => socket.destroy(), handshakeMs) : undefined;
  try {
    const terms = await shakeHands(peer, exported);
    clearTimeout(deadline);
    if (terms) await transmit(peer, exported, terms, signal);
    peer.end();
  } catch (error) {
    // it left, or spoke another language: nobody else is to know
    if (!(error instanceof PeerGone)) exported.failed?.(error);
    peer.destroy();
  } finally {
    clearTimeout(deadline);
  }
}
