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
import { MAX_MESSAGE_BYTES } from '../../../src-main/browser/engine-socket.ts';
import { startBrowserServer, type BrowserServer } from '../../../src-main/browser/server.ts';

let folder: string;
let engine: RunningEngine;
let server: BrowserServer;
let port: number;
let cookie: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diskpress-browser-'));
  const rendererPath = join(folder, 'renderer');
  await mkdir(rendererPath);
  await writeFile(join(rendererPath, 'index.html'), '<!doctype html><title>pages</title>');
  await writeFile(join(folder, 'secret.txt'), 'secret');
  engine = await startEngine({ catalogPath: join(folder, 'catalog'), version: '1.2.3', resourcesPath: folder });
  server = await startBrowserServer({ engine, rendererPath });
  port = Number(new URL(server.address).port);
  cookie = (await ask({ path: tokenPath(server.address) })).headers['set-cookie']![0].split(';')[0];
});

afterAll(async () => {
  await server.close();
  await engine.close();
  await rm(folder, { recursive: true });
});

const tokenPath = (address: string) => new URL(address).pathname + new URL(address).search;
const host = () => `127.0.0.1:${port}`;
const own = () => ({ Host: host(), Origin: `http://${host()}`, Cookie: cookie });

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

async function openSocket(): Promise<WebSocket> {
  const socket = await open(own());
  if (typeof socket === 'number') throw new Error(`refused: ${socket}`);
  return socket;
}

const closeCode = (socket: WebSocket) => new Promise<number>((resolve) => socket.on('close', resolve));

describe('coming in', () => {
  test('the address gives a cookie and leads to the first page, without the token', async () => {
    const { status, headers } = await ask({ path: tokenPath(server.newAddress()) });
    expect(status).toBe(303);
    expect(headers.location).toBe('/');
    expect(headers['set-cookie']![0]).toMatch(/HttpOnly; SameSite=Strict/);
    const page = await ask({ headers: { Cookie: cookie } });
    expect(page).toMatchObject({ status: 200, body: '<!doctype html><title>pages</title>' });
  });

  test('without a cookie nothing is shown, and the page says how to come in', async () => {
    for (const path of ['/', '/index.html', '/nothing']) {
      const { status, headers, body } = await ask({ path });
      expect(status).toBe(403);
      expect(headers['set-cookie']).toBeUndefined();
      expect(body).toContain('Press Enter in the terminal');
    }
    expect((await ask({ headers: { 'Accept-Language': 'fr-CA,en' } })).body).toContain('Appuyez sur Entrée');
  });

  test('a used address says so; a browser that is in goes on to the first page', async () => {
    const path = tokenPath(server.newAddress());
    await ask({ path });
    const again = await ask({ path });
    expect(again.status).toBe(403);
    expect(again.headers['set-cookie']).toBeUndefined();
    expect(again.body).toContain('This address is used up');
    expect(await ask({ path, headers: { Cookie: cookie } })).toMatchObject({ status: 303, headers: { location: '/' } });
  });

  test('a preview by HEAD does not use the address up', async () => {
    const path = tokenPath(server.newAddress());
    expect((await ask({ path, method: 'HEAD' })).status).toBe(403);
    expect((await ask({ path })).status).toBe(303);
  });

  test('a wrong token and a wrong cookie are refused', async () => {
    expect((await ask({ path: '/?token=wrong' })).status).toBe(403);
    expect((await ask({ headers: { Cookie: `${cookie}x` } })).status).toBe(403);
  });
});

describe('what is served', () => {
  test('a name that is not of this machine is turned away, also with the cookie', async () => {
    expect((await ask({ headers: { Host: `evil.example:${port}`, Cookie: cookie } })).status).toBe(421);
    expect((await ask({ path: tokenPath(server.newAddress()), headers: { Host: 'evil.example' } })).status).toBe(421);
  });

  test('the other names of this machine work, with any port: an SSH tunnel has its own', async () => {
    for (const name of [`localhost:${port}`, `[::1]:${port}`, 'localhost:8000']) {
      expect((await ask({ headers: { Host: name, Cookie: cookie } })).status).toBe(200);
    }
  });

  test.each(['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/./../secret.txt'])(
    '%s leads nowhere',
    async (path) => {
      const { status, body } = await ask({ path, headers: { Cookie: cookie } });
      expect(status).toBe(404);
      expect(body).not.toContain('secret');
    },
  );

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s is refused', async (method) => {
    expect((await ask({ method, headers: own() })).status).toBe(405);
  });

  test('every answer forbids what a page does not need', async () => {
    for (const headers of [{}, { Cookie: cookie }]) {
      const answer = await ask({ headers });
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
    ['without a cookie', () => ({ ...own(), Cookie: '' }), 403],
    ['from another site', () => ({ ...own(), Origin: 'http://evil.example' }), 403],
    ['from another port of this machine', () => ({ ...own(), Origin: 'http://127.0.0.1:1' }), 403],
    ['without an origin', () => ({ Host: host(), Cookie: cookie }), 403],
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
    const client = createClient({
      send: (message) => socket.send(JSON.stringify(message)),
      receive: (listener) => {
        socket.on('message', (data) => listener(JSON.parse(data.toString())));
        socket.on('close', () => listener(null));
      },
    });
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

  test.each(['not JSON', 'null', '7', '"text"'])('%s ends it', async (text) => {
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
  test('a port that is taken is told', async () => {
    const rendererPath = join(folder, 'renderer');
    await expect(startBrowserServer({ engine, rendererPath, port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  test('an engine that ends closes the sockets; a server that ends frees its port', async () => {
    const rendererPath = join(folder, 'renderer');
    const otherEngine = await startEngine({ catalogPath: join(folder, 'other'), version: '0', resourcesPath: folder });
    const other = await startBrowserServer({ engine: otherEngine, rendererPath });
    const { origin, port: otherPort, host: otherHost } = new URL(other.address);
    const entry = await fetch(other.address, { redirect: 'manual' });
    const otherCookie = entry.headers.get('set-cookie')!.split(';')[0];
    const socket = new WebSocket(`ws://${otherHost}/engine`, { headers: { Origin: origin, Cookie: otherCookie } });
    await new Promise((resolve) => socket.on('open', resolve));
    const code = closeCode(socket);
    await otherEngine.close();
    expect(await code).toBe(1001);
    await other.close();
    const successor = await startBrowserServer({ engine, rendererPath, port: Number(otherPort) });
    await successor.close();
  });
});
