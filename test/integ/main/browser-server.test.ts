/** The browser face as a browser and as an attacker meets it: real sockets, the real engine. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createClient } from '../../../src-engine/contract/client.ts';
import { startEngine, type RunningEngine } from '../../../src-engine/host/start-engine.ts';
import { MAX_MESSAGE_BYTES } from '../../../src-main/browser/message-limits.ts';
import { startBrowserServer, type BrowserServer } from '../../../src-main/browser/server.ts';

let folder: string;
let engine: RunningEngine;
let server: BrowserServer;
let port: number;
let session: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diskpress-browser-'));
  const rendererPath = join(folder, 'renderer');
  await mkdir(rendererPath);
  await writeFile(join(rendererPath, 'index.html'), '<!doctype html><title>pages</title>');
  await writeFile(join(folder, 'secret.txt'), 'secret');
  engine = await startEngine({ catalogPath: join(folder, 'catalog'), version: '1.2.3', resourcesPath: folder });
  server = await startBrowserServer({ engine, rendererPath });
  port = Number(new URL(server.address).port);
  session = ((await enter({ token: tokenOf(server.address) })) as { session: string }).session;
});

afterAll(async () => {
  await server.close();
  await engine.close();
  await rm(folder, { recursive: true });
});

const tokenOf = (address: string) => new URL(address).hash.replace('#token=', '');
const host = () => `127.0.0.1:${port}`;
const own = () => ({ Host: host(), Origin: `http://${host()}` });

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A request as it is given: unlike fetch, this changes neither the path nor the Host header. */
function ask(options: { path?: string; method?: string; headers?: OutgoingHttpHeaders }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path: '/', ...options }, (response) => {
      let body = '';
      response.on('data', (part) => (body += part));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** @returns the open socket, or the status with which it was refused */
function open(headers: OutgoingHttpHeaders, path = '/engine'): Promise<WebSocket | number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: headers as Record<string, string> });
    socket.on('open', () => resolve(socket));
    socket.on('unexpected-response', (sent, response) => {
      sent.destroy();
      resolve(response.statusCode!);
    });
    socket.on('error', reject);
  });
}

/** Opens a socket and says who it is. @returns the server's answer, or the code with which it closed */
async function enter(first: unknown, keepOpen?: (socket: WebSocket) => void): Promise<unknown> {
  const socket = await open(own());
  if (typeof socket === 'number') throw new Error(`refused: ${socket}`);
  socket.send(typeof first === 'string' ? first : JSON.stringify(first));
  const answer = await new Promise<unknown>((resolve) => {
    socket.once('message', (data) => resolve(JSON.parse(data.toString())));
    socket.once('close', resolve);
  });
  if (keepOpen) keepOpen(socket);
  else socket.close();
  return answer;
}

async function openSocket(): Promise<WebSocket> {
  return new Promise((resolve, reject) => void enter({ session }, resolve).catch(reject));
}

function clientOf(socket: WebSocket) {
  return createClient({
    send: (message) => socket.send(JSON.stringify(message)),
    receive: (listener) => {
      socket.on('message', (data) => listener(JSON.parse(data.toString())));
      socket.on('close', () => listener(null));
    },
  });
}

const closeCode = (socket: WebSocket) => new Promise<number>((resolve) => socket.on('close', resolve));

describe('coming in', () => {
  test('the address has its token where no request carries it', () => {
    const { pathname, search, hash } = new URL(server.newAddress());
    expect([pathname, search]).toEqual(['/enter', '']);
    expect(hash).toMatch(/^#token=[\w-]{43}$/);
  });

  test('the token becomes a session, once', async () => {
    const token = tokenOf(server.newAddress());
    expect(await enter({ token })).toEqual({ session });
    expect(await enter({ token })).toBe(4001);
    expect(await enter({ token, session })).toEqual({ session });
  });

  test('no answer ever sets a cookie, and a cookie opens nothing', async () => {
    for (const path of ['/', '/enter', `/?token=${tokenOf(server.newAddress())}`, '/nothing']) {
      const { headers, body } = await ask({ path, headers: { Cookie: `diskpress-${port}=${session}` } });
      expect(headers['set-cookie']).toBeUndefined();
      expect(body).not.toContain(session);
    }
    expect(await enter({})).toBe(4002);
  });

  test('what is no entrance is turned away', async () => {
    for (const first of [
      '',
      'x',
      'null',
      '[]',
      '{"token":5}',
      '{"session":["x"]}',
      '{"__proto__":{"session":"x"}}',
      { verb: 'call', id: 1, command: 'app.info', params: {} },
      { session, more: 1 },
    ])
      expect(await enter(first)).toBe(1008);
    expect(await enter({ session: `${session}x` })).toBe(4002);
    expect(await enter({ token: 'wrong' })).toBe(4001);
  });

  test('who has not shown a session cannot send much', async () => {
    expect(await enter(JSON.stringify({ session: 'x'.repeat(100_000) }))).toBe(1006);
  });

  test('who says nothing is sent away in seconds', async () => {
    const socket = (await open(own())) as WebSocket;
    expect(await closeCode(socket)).toBe(1008);
  }, 20_000);
});

describe('what is served', () => {
  test('a name that is not of this machine is turned away, whatever it asks for', async () => {
    expect((await ask({ headers: { Host: `evil.example:${port}` } })).status).toBe(421);
    for (const name of ['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example', '127.0.0.1@evil.example'])
      expect([400, 421]).toContain((await ask({ headers: { Host: name } })).status);
  });

  test('the other number of this machine works, with any port: an SSH tunnel has its own', async () => {
    for (const name of [`[::1]:${port}`, '127.0.0.1:8000']) {
      expect((await ask({ headers: { Host: name } })).status).toBe(200);
    }
  });

  test('the name that two servers can share leads to the number', async () => {
    for (const name of ['localhost:8000', 'LOCALHOST:8000']) {
      const { status, headers } = await ask({ path: '/enter', headers: { Host: name } });
      expect([status, headers.location]).toEqual([307, 'http://127.0.0.1:8000/enter']);
    }
    expect(await open({ Host: `localhost:${port}`, Origin: `http://localhost:${port}` })).toBe(403);
  });

  test.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/./../secret.txt',
    '/..\\secret.txt',
    '//secret.txt',
    '/%00',
    '/%',
    '/constructor',
    'http://127.0.0.1/../secret.txt',
    '*',
    `/${'x'.repeat(8000)}`,
  ])('%s leads nowhere', async (path) => {
    const { status, body } = await ask({ path });
    expect(status).toBe(404);
    expect(body).not.toContain('secret');
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND'])('%s is refused', async (method) => {
    expect((await ask({ method, headers: own() })).status).toBe(405);
  });

  test('every answer forbids what a page does not need', async () => {
    for (const path of ['/', '/enter', '/nothing']) {
      const answer = await ask({ path, headers: { Range: 'bytes=0-1' } });
      expect(answer.status).not.toBe(206);
      expect(answer.headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
        'cross-origin-resource-policy': 'same-origin',
        'cross-origin-opener-policy': 'same-origin',
      });
      const policy = answer.headers['content-security-policy'];
      expect(policy).toContain(`default-src 'none'; script-src 'self'; style-src 'self'`);
      expect(policy).toContain(`connect-src 'self' ws://${host()};`);
      expect(policy).not.toContain('unsafe');
    }
  });

  test('it listens on the loopback address alone', () =>
    new Promise<void>((resolve, reject) => {
      // all of 127.0.0.0/8 is this machine: a server on 0.0.0.0 would answer here
      const connection = connect(port, '127.0.0.2');
      connection.on('connect', () => reject(new Error('it listens on every address')));
      connection.on('error', () => resolve());
    }));
});

describe('the socket', () => {
  test.each([
    ['from another site', () => ({ ...own(), Origin: 'http://evil.example' }), 403],
    ['from another port of this machine', () => ({ ...own(), Origin: 'http://127.0.0.1:1' }), 403],
    ['without an origin', () => ({ Host: host() }), 403],
    ['from a page without one', () => ({ ...own(), Origin: 'null' }), 403],
    ['by a foreign name', () => ({ ...own(), Host: 'evil.example', Origin: 'http://evil.example' }), 421],
  ])('%s is refused', async (_how, headers, status) => {
    expect(await open(headers())).toBe(status);
  });

  test('is at one path only', async () => {
    expect(await open(own(), '/')).toBe(404);
    expect(await open(own(), '/engine/x')).toBe(404);
  });

  test('carries calls to the engine and back', async () => {
    const socket = await openSocket();
    const client = clientOf(socket);
    expect(await client.call('app.info', {})).toMatchObject({ version: '1.2.3', catalogPath: join(folder, 'catalog') });
    expect(await client.call('template.list', {})).toEqual([]);
    await expect(client.call('template.show', { template: 'none' })).rejects.toMatchObject({
      view: { code: 'TEMPLATE_NOT_FOUND' },
    });
    const lost = new Promise<void>((resolve) => client.onLost(resolve));
    socket.close();
    await lost;
  });

  test('a message that is too long ends it', async () => {
    const socket = await openSocket();
    socket.send(JSON.stringify({ verb: 'call', id: 1, command: 'x'.repeat(MAX_MESSAGE_BYTES), params: {} }));
    expect(await closeCode(socket)).toBe(1009);
  });

  test.each([
    ['what is no JSON', 'not JSON'],
    ['null', 'null'],
    ['a number', '7'],
    ['a text', '"text"'],
    ['a megabyte of brackets', '['.repeat(1_000_000)],
    ['lists in lists', `${'['.repeat(500_000)}${']'.repeat(500_000)}`],
    ['objects in objects', `{"a":`.repeat(200_000)],
    [
      'nesting in parameters',
      `{"verb":"call","id":1,"command":"app.info","params":${'['.repeat(33)}${']'.repeat(33)}}`,
    ],
  ])('%s ends it', async (_what, text) => {
    const socket = await openSocket();
    socket.send(text);
    expect(await closeCode(socket)).toBe(1007);
  });

  test('bytes end it', async () => {
    const socket = await openSocket();
    socket.send(Buffer.from('{}'));
    expect(await closeCode(socket)).toBe(1003);
  });

  test('an object that is no request is answered with an error', async () => {
    const socket = await openSocket();
    const reply = new Promise((resolve) => socket.once('message', (data) => resolve(JSON.parse(data.toString()))));
    socket.send('{"id":5}');
    expect(await reply).toMatchObject({ kind: 'error', id: 5, error: { code: 'BAD_REQUEST' } });
    socket.close();
  });
});

describe('the end', () => {
  test('a port that is taken is told, unless it was only the usual one', async () => {
    const rendererPath = join(folder, 'renderer');
    await expect(startBrowserServer({ engine, rendererPath, port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const elsewhere = await startBrowserServer({ engine, rendererPath, usualPort: port });
    expect(new URL(elsewhere.address).port).not.toBe(String(port));
    await elsewhere.close();
  });

  test('an engine that ends closes the sockets; a server that ends frees its port', async () => {
    const rendererPath = join(folder, 'renderer');
    const otherEngine = await startEngine({ catalogPath: join(folder, 'other'), version: '0', resourcesPath: folder });
    const other = await startBrowserServer({ engine: otherEngine, rendererPath });
    const { origin, port: otherPort, host: otherHost } = new URL(other.address);
    const socket = new WebSocket(`ws://${otherHost}/engine`, { headers: { Origin: origin } });
    socket.on('open', () => socket.send(JSON.stringify({ token: tokenOf(other.address) })));
    await new Promise((resolve) => socket.on('message', resolve));
    const code = closeCode(socket);
    await otherEngine.close();
    expect(await code).toBe(1001);
    await other.close();
    const successor = await startBrowserServer({ engine, rendererPath, port: Number(otherPort) });
    await successor.close();
  });
});
