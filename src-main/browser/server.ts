/** The browser face: the pages over HTTP and the engine over a WebSocket, on the loopback address, for who holds the address. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { RunningEngine } from '../../src-engine/host/start-engine.ts';
import { openPageFiles, type PageFiles } from '../pages/page-files.ts';
import { contentSecurityPolicy, securityHeaders } from '../pages/policy.ts';
import { bridgeSocket, MAX_MESSAGE_BYTES } from './engine-socket.ts';
import { isLoopbackHost, isOwnOrigin } from './origin.ts';
import { refusalPage, type RefusalReason } from './refusal-page.ts';
import { Session } from './session.ts';

export interface BrowserServer {
  /** Where a browser comes in, with a token that works once and for ten minutes. */
  readonly address: string;
  /** Another such address; the tokens before it stop working, browsers that are in stay in. */
  newAddress(): string;
  /** Ends every connection and stops listening. The engine goes on. */
  close(): Promise<void>;
}

const ENGINE_PATH = '/engine';

/**
 * @param rendererPath the built pages (out/renderer)
 * @param port 0, or left out, for a random one
 * @param host a loopback address
 * @throws Error where the pages are missing or the port is taken
 */
export async function startBrowserServer(options: {
  engine: RunningEngine;
  rendererPath: string;
  port?: number;
  host?: '127.0.0.1' | '::1';
}): Promise<BrowserServer> {
  const { engine, host = '127.0.0.1' } = options;
  const pages = await openPageFiles(options.rendererPath);
  const server = createServer();
  const port = await listen(server, options.port ?? 0, host);
  const session = new Session(port);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });

  server.on('request', (request, response) => void answer(request, response, session, pages));
  server.on('upgrade', (request: IncomingMessage, connection: Duplex, head: Buffer) => {
    const refusal = upgradeRefusal(request, session);
    if (refusal) return refuseUpgrade(connection, refusal);
    sockets.handleUpgrade(request, connection, head, (socket) => bridgeSocket(socket, engine.connect()));
  });

  const newAddress = () => `http://${host === '::1' ? '[::1]' : host}:${port}/?token=${session.newToken()}`;
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

async function answer(request: IncomingMessage, response: ServerResponse, session: Session, pages: PageFiles) {
  const { host } = request.headers;
  if (!isLoopbackHost(host)) return response.writeHead(421).end();
  const headers = securityHeaders(contentSecurityPolicy(`ws://${host}`));
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  // nothing here is changed by a request: that goes through the socket, where the origin is checked
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return response.writeHead(405, { Allow: 'GET, HEAD' }).end();

  const refuse = (status: number, reason: RefusalReason) =>
    response
      .writeHead(status, { 'Content-Type': 'text/html; charset=utf-8' })
      .end(request.method === 'HEAD' ? '' : refusalPage(reason, request.headers['accept-language']));

  const [path, query] = (request.url ?? '/').split('?', 2);
  const hasCookie = session.holds(request.headers.cookie);
  const token = path === '/' ? new URLSearchParams(query).get('token') : null;
  if (token !== null) {
    // a preview of the address by HEAD must not use it up
    const isTokenGood = request.method === 'GET' && session.useToken(token);
    if (!isTokenGood && !hasCookie) return refuse(403, 'token-invalid');
    // without the token, so that it does not stay in the address bar
    return response.writeHead(303, { Location: '/', ...(isTokenGood && { 'Set-Cookie': session.setCookie() }) }).end();
  }
  if (!hasCookie) return refuse(403, 'no-session');
  const file = await pages.read(path).catch(() => null);
  if (!file) return refuse(404, 'not-found');
  response.writeHead(200, { 'Content-Type': file.contentType, 'Content-Length': file.bytes.length });
  response.end(request.method === 'HEAD' ? undefined : file.bytes);
}

/** @returns the status line's end, or null where the socket may be opened */
function upgradeRefusal(request: IncomingMessage, session: Session): string | null {
  const { host, origin, cookie } = request.headers;
  if (!isLoopbackHost(host)) return '421 Misdirected Request';
  if (request.url !== ENGINE_PATH) return '404 Not Found';
  if (!isOwnOrigin(origin, host) || !session.holds(cookie)) return '403 Forbidden';
  return null;
}

function refuseUpgrade(connection: Duplex, status: string): void {
  connection.on('error', () => {});
  connection.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}
