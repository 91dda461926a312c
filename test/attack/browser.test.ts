/** Many connections and much nonsense: who is in stays in, who comes later comes in, and the server is still there. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createClient, type EngineClient } from '../../src-engine/contract/client.ts';
import { startEngine, type RunningEngine } from '../../src-engine/host/start-engine.ts';
import { MAX_STRANGERS } from '../../src-main/browser/connections.ts';
import { startBrowserServer, type BrowserServer } from '../../src-main/browser/server.ts';
import { randomBelow, temporaryFolder } from '../support/temporary.ts';
import { attempts, seedOf, Tally } from './tally.ts';

let engine: RunningEngine;
let server: BrowserServer;
let port: number;
let session: string;

beforeAll(async () => {
  const folder = temporaryFolder();
  const rendererPath = join(folder, 'renderer');
  mkdirSync(rendererPath);
  writeFileSync(join(rendererPath, 'index.html'), '<!doctype html><title>pages</title>');
  engine = await startEngine({ catalogPath: join(folder, 'catalog'), version: '1.2.3', resourcesPath: folder });
  server = await startBrowserServer({ engine, rendererPath });
  port = Number(new URL(server.address).port);
  ({ session } = await enter({ token: new URL(server.address).hash.slice('#token='.length) }));
});
afterAll(async () => {
  await server.close();
  await engine.close();
});

const opened = () => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/engine`, { headers: { Origin: `http://127.0.0.1:${port}` } });
  socket.on('error', () => {});
  return socket;
};

async function enter(first: object): Promise<{ socket: WebSocket; session: string }> {
  const socket = opened();
  socket.on('open', () => socket.send(JSON.stringify(first)));
  const answer = await new Promise<string>((resolve, reject) => {
    socket.once('message', (data) => resolve(data.toString()));
    socket.once('close', (code) => reject(new Error(`closed with ${code}`)));
  });
  return { socket, ...(JSON.parse(answer) as { session: string }) };
}

async function clientInside(): Promise<{ client: EngineClient; socket: WebSocket }> {
  const { socket } = await enter({ session });
  const client = createClient({
    send: (message) => socket.send(JSON.stringify(message)),
    receive: (listener) => {
      socket.on('message', (data) => listener(JSON.parse(data.toString())));
      socket.on('close', () => listener(null));
    },
  });
  return { client, socket };
}

const expectOpenDoor = async (client: EngineClient) => {
  expect(await client.call('app.info', {})).toMatchObject({ version: '1.2.3' });
  const page = await fetch(`http://127.0.0.1:${port}/`);
  expect(await page.text()).toContain('pages');
  const newcomer = await clientInside();
  expect(await newcomer.client.call('template.list', {})).toEqual([]);
  newcomer.socket.close();
};

const closed = (socket: Socket | WebSocket) => new Promise<void>((resolve) => socket.once('close', () => resolve()));

test.for([
  ['that say nothing', ''],
  ['that never end their request', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-'],
  ['that never send the body', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\nx'],
  [
    'that never say who they are',
    `GET /engine HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MTIzNDU2Nzg5MGFiY2RlZg==\r\n\r\n`,
  ],
])('2,000 connections %s', { timeout: 90_000 }, async ([what, text], context) => {
  const { client, socket } = await clientInside();
  const sockets: Socket[] = [];
  for (let i = 0; i < 2_000; i++) {
    const one = connect(port, '127.0.0.1');
    one.on('error', () => {}).resume();
    sockets.push(one);
    if (text !== '') one.write(text);
    if (i % 100 === 99) await new Promise((resolve) => one.once('connect', resolve).once('close', resolve));
  }
  await expectOpenDoor(client);
  const isOpen = (one: Socket) => one.readyState === 'open';
  await expect.poll(() => sockets.filter(isOpen).length, { timeout: 30_000 }).toBeLessThanOrEqual(MAX_STRANGERS);
  // ours and theirs are descriptors of this process, which is the server's too
  expect(readdirSync('/proc/self/fd').length).toBeLessThan(2 * MAX_STRANGERS + 200);
  // whatever they were waiting for, they are gone in seconds
  if (what === 'that never end their request') await Promise.all(sockets.filter((one) => !one.closed).map(closed));
  for (const one of sockets) one.destroy();
  await expectOpenDoor(client);
  socket.close();
  const tally = new Tally('The door of the pages', `connections ${what}`);
  tally.ended('who was in stayed in, who came later came in', sockets.length);
  tally.close(context);
});

const MESSAGES = [
  '{"__proto__":{"verb":"call"},"id":1}',
  '{"verb":"call","id":1,"command":"__proto__","params":{}}',
  '{"verb":"call","id":1,"command":"app.info","params":{"__proto__":{"x":1}}}',
  '{"verb":"call","id":9007199254740993,"command":"app.info","params":{}}',
  '{"verb":"call","id":1e400,"command":"app.info","params":{}}',
  '{"verb":"call","id":-0,"command":"template.list","params":{}}',
  '{"verb":"subscribe","id":2,"topic":"jobs"}',
  '{"verb":"subscribe","id":2,"topic":"constructor"}',
  '{"verb":"unsubscribe","id":99}',
  '{"verb":"cancel","id":1}',
  '{"verb":"call","id":1,"command":"source.inspect","params":{"source":"/dev/zero"}}',
  '{"verb":"call","id":1,"command":"source.inspect","params":{"source":"\\u0000"}}',
  '{"verb":"call","id":1,"command":"template.show","params":{"template":"\\ud800"}}',
  `{"verb":"call","id":1,"command":"machine.list","params":[${'1,'.repeat(50_000)}1]}`,
  '[]',
  '',
];

/** A text with some of its characters changed. */
const bent = (text: string, below: (limit: number) => number) =>
  [...text].map((c) => (below(9) === 0 ? String.fromCharCode(c.charCodeAt(0) ^ 1) : c)).join('');

test('sessions of nonsense: calls that nobody waits for, frames that are none, sockets torn in the middle', async (context) => {
  const { client, socket } = await clientInside();
  const below = randomBelow(seedOf('nonsense'));
  const sessions = attempts(100, 2000);
  for (let round = 0; round < sessions; round++) {
    const one = (await enter({ session })).socket;
    const raw = (one as unknown as { _socket: Socket })._socket;
    const ended = closed(one);
    for (let i = below(30); i >= 0; i--) {
      const kind = below(8);
      if (kind < 4) one.send(MESSAGES[below(MESSAGES.length)]);
      else if (kind === 4) one.send(bent(MESSAGES[below(MESSAGES.length)], below));
      else if (kind === 5) one.ping(Buffer.alloc(below(126)));
      else if (kind === 6) one.pong();
      else if (below(6) === 0) raw.write(Buffer.from(Array.from({ length: below(64) }, () => below(256))));
    }
    if (below(3) === 0) raw.end();
    else if (below(2) === 0) raw.resetAndDestroy();
    else one.terminate();
    await ended;
  }
  await expectOpenDoor(client);
  socket.close();
  const tally = new Tally('The door of the pages', 'sessions of nonsense');
  tally.ended('the server is still there', sessions);
  tally.close(context);
});

test.for<[what: string, message: (i: number) => string]>([
  ['calls', (i: number) => JSON.stringify({ verb: 'call', id: i, command: 'template.list', params: {} })],
  ['subscriptions', (i: number) => JSON.stringify({ verb: 'subscribe', id: i, topic: 'jobs' })],
  ['long messages', () => JSON.stringify({ verb: 'call', id: 1, command: 'x'.repeat(900_000) })],
])('a flood of %s ends its own connection alone', { timeout: 60_000 }, async ([what, message], context) => {
  const { client, socket } = await clientInside();
  const flood = (await enter({ session })).socket;
  const ended = new Promise<number>((resolve) => flood.once('close', resolve));
  for (let i = 0; i < 20_000 && flood.readyState === flood.OPEN; i++) {
    flood.send(message(i));
    while (flood.readyState === flood.OPEN && (i % 50 === 0 || flood.bufferedAmount > 4_000_000)) {
      await new Promise((resolve) => setImmediate(resolve));
      if (flood.bufferedAmount < 1_000_000) break;
    }
  }
  expect([1006, 1008]).toContain(await ended);
  await expectOpenDoor(client);
  socket.close();
  const tally = new Tally('The door of the pages', `floods of ${what}`);
  tally.ended('that connection alone ended');
  tally.close(context);
});
