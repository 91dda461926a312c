/** The browser face: the pages over HTTP and the engine over a WebSocket, on the loopback address, for who holds the address. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { ENTRANCE_PATH, UPLOAD_PATH } from '../../src-engine/contract/index.ts';
import type { RunningEngine } from '../../src-engine/host/start-engine.ts';
import { openPageFiles, type PageFiles } from '../pages/page-files.ts';
import { contentSecurityPolicy, securityHeaders } from '../pages/policy.ts';
import { Connections } from './connections.ts';
import { dismiss } from './dismiss.ts';
import { bridgeSocket } from './engine-socket.ts';
import { guardEntrance } from './entrance.ts';
import { allowance, MAX_MESSAGE_BYTES, type Rate } from './message-limits.ts';
import { isLocalhost, isLoopbackHost, isOwnOrigin } from './origin.ts';
import { notFoundPage } from './not-found-page.ts';
import { Session } from './session.ts';
import { takeUploads } from './upload.ts';

export interface BrowserServer {
  /** Where a browser comes in, with a token that works once and for ten minutes. */
  readonly address: string;
  /** Another such address; the tokens before it stop working, browsers that are in stay in. */
  newAddress(): string;
  /** Ends every connection and stops listening. The engine goes on. */
  close(): Promise<void>;
}

const ENGINE_PATH = '/engine';

/** Whoever connects and says nothing, or little by little, is soon gone. Answers are small files on this machine. */
const HTTP_LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
};
const SILENT_AFTER_MS = 20_000;

/** Of bytes on a socket, whatever frames they make: a first message has a token, a page's requests are small. */
const BYTES_OF_STRANGER: Rate = { atOnce: 4 * 1024, perSecond: 0 };
const BYTES_OF_SESSION: Rate = { atOnce: 16 * MAX_MESSAGE_BYTES, perSecond: 4 * MAX_MESSAGE_BYTES };

const POLICY_VIOLATION = 1008;
const TRY_AGAIN_LATER = 1013;

/**
 * @param rendererPath the built pages (out/renderer)
 * @param port 0 for a random one; left out: `usualPort` where it is free, else a random one
 * @param host a loopback address
 * @throws Error where the pages are missing or the port is taken
 */
export async function startBrowserServer(options: {
  engine: RunningEngine;
  rendererPath: string;
  port?: number;
  usualPort?: number;
  host?: '127.0.0.1' | '::1';
}): Promise<BrowserServer> {
  const { engine, host = '127.0.0.1' } = options;
  const name = host === '::1' ? '[::1]' : host;
  const pages = await openPageFiles(options.rendererPath);
  const server = createServer(HTTP_LIMITS);
  server.timeout = SILENT_AFTER_MS;
  const port = await listenAs(server, options, host);
  const session = new Session();
  const connections = new Connections();
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });

  server.on('connection', (connection: Socket) => connections.add(connection));
  const upload = takeUploads(engine, session, connections);
  server.on('request', (request, response) => {
    if (request.url?.startsWith(`${UPLOAD_PATH}/`)) void upload(request, response);
    else void answer(request, response, name, pages);
  });
  server.on('upgrade', (request: IncomingMessage, connection: Socket, head: Buffer) => {
    const refusal = upgradeRefusal(request);
    if (refusal) return refuseUpgrade(connection, refusal);
    sockets.handleUpgrade(request, connection, head, (socket) => {
      limitBytes(socket, connection, connections);
      guardEntrance(socket, session, () => {
        if (connections.enter(connection)) bridgeSocket(socket, engine.connect());
        else dismiss(socket, TRY_AGAIN_LATER, 'too many pages');
      });
    });
  });
  // a descriptor that could not be had, say: the next connection is another matter
  server.on('error', () => {});

  const newAddress = () => `http://${name}:${port}${ENTRANCE_PATH}#token=${session.newToken()}`;
  return {
    address: newAddress(),
    newAddress,
    close() {
      for (const socket of sockets.clients) socket.terminate();
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

/** Pages are for everybody: they are the same for all, and hold nothing. What they show comes through the socket. */
async function answer(request: IncomingMessage, response: ServerResponse, name: string, pages: PageFiles) {
  const { host } = request.headers;
  if (!isLoopbackHost(host)) return response.writeHead(421).end();
  const headers = securityHeaders(contentSecurityPolicy(`ws://${host}`));
  for (const [header, value] of Object.entries(headers)) response.setHeader(header, value);
  // nothing here is changed by a request: that goes through the socket, where the origin is checked
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return response.writeHead(405, { Allow: 'GET, HEAD', Connection: 'close' }).end();

  const [path] = (request.url ?? '/').split('?', 1);
  const file = await pages.read(path === ENTRANCE_PATH ? '/' : path).catch(() => null);
  const isHead = request.method === 'HEAD';
  if (!file) {
    response.writeHead(404, { 'Content-Type': 'text/html; charset=utf-8' });
    return response.end(isHead ? '' : notFoundPage(request.headers['accept-language']));
  }
  if (isLocalhost(host)) {
    // browsers keep the part behind the hash, with the token
    const Location = `http://${host.replace(/^localhost/i, name)}${path}`;
    return response.writeHead(307, { Location }).end();
  }
  response.writeHead(200, { 'Content-Type': file.contentType, 'Content-Length': file.bytes.length });
  response.end(isHead ? undefined : file.bytes);
}

/** @returns the status line's end, or null where the socket may be opened; who opens it is asked then */
function upgradeRefusal(request: IncomingMessage): string | null {
  const { host, origin } = request.headers;
  if (!isLoopbackHost(host)) return '421 Misdirected Request';
  if (request.url !== ENGINE_PATH) return '404 Not Found';
  if (!isOwnOrigin(origin, host)) return '403 Forbidden';
  return null;
}

function refuseUpgrade(connection: Duplex, status: string): void {
  connection.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => connection.destroy());
}

/** Counted as they arrive: frames that never become a message count as well. */
function limitBytes(socket: WebSocket, connection: Socket, connections: Connections): void {
  const ofStranger = allowance(BYTES_OF_STRANGER);
  const ofSession = allowance(BYTES_OF_SESSION);
  connection.on('data', ({ length }) => {
    if (connections.isStranger(connection)) {
      if (!ofStranger(length)) socket.terminate();
    } else if (!ofSession(length)) dismiss(socket, POLICY_VIOLATION, 'too many bytes');
  });
}

/** Somebody else may have the usual port. */
async function listenAs(server: Server, wanted: { port?: number; usualPort?: number }, host: string): Promise<number> {
  if (wanted.port !== undefined || wanted.usualPort === undefined) return listen(server, wanted.port ?? 0, host);
  return listen(server, wanted.usualPort, host).catch(() => listen(server, 0, host));
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
