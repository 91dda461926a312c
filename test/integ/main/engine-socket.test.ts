/** The bridge between a WebSocket and a port, where time and amounts matter: real sockets, short limits. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { bridgeSocket } from '../../../src-main/browser/engine-socket.ts';

let server: WebSocketServer;
afterEach(() => server.close());

async function bridged(limits: Parameters<typeof bridgeSocket>[2]): Promise<{ page: WebSocket; engine: MessagePort }> {
  const { port1, port2 } = new MessageChannel();
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => bridgeSocket(socket, port1, limits));
  await once(server, 'listening');
  const page = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await once(page, 'open');
  return { page, engine: port2 };
}

test('a page that does not read is cut off, and the port with it', async () => {
  const { page, engine } = await bridged({ maxBufferedBytes: 1024 * 1024 });
  page.pause();
  const text = 'x'.repeat(64 * 1024);
  const closed = once(engine, 'close');
  const filling = setInterval(() => engine.postMessage({ text }), 1);
  await closed;
  clearInterval(filling);
  page.resume();
  const [code] = await once(page, 'close');
  expect(code).toBe(1006);
});

test('one long reply to a page that reads is no reason to cut it off', async () => {
  const { page, engine } = await bridged({ maxBufferedBytes: 1024 });
  const text = 'x'.repeat(32 * 1024 * 1024);
  const message = once(page, 'message');
  engine.postMessage({ text });
  expect(JSON.parse(String((await message)[0]))).toEqual({ text });
  page.close();
});

test('a peer that no longer answers is noticed', async () => {
  const { page, engine } = await bridged({ pingEveryMs: 50 });
  page.pause();
  await once(engine, 'close');
  page.terminate();
});

test('a peer that answers stays', async () => {
  const { page, engine } = await bridged({ pingEveryMs: 20 });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const message = once(page, 'message');
  engine.postMessage({ kind: 'still here' });
  expect(String((await message)[0])).toBe('{"kind":"still here"}');
  page.close();
  await once(engine, 'close');
});
