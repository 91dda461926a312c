/** The door of the browser face, in a real browser: who is let in, and what other servers on this machine get to see. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { BrowserContext, Page } from '@playwright/test';
import { expect, startServed, test, type Served } from './fixtures.ts';

const KEY = 'diskpress.session';
const sessionOf = (page: Page) => page.evaluate((key) => localStorage.getItem(key), KEY);

/** Another user's server: keeps every byte that it is sent, and serves a page that may do whatever scripts may. */
async function eavesdropper(host: string): Promise<{ server: Server; port: number; heard: string[] }> {
  const heard: string[] = [];
  const server = createServer((request, response) => {
    heard.push(`${request.method} ${request.url}\n${request.rawHeaders.join('\n')}`);
    request.on('data', (part: Buffer) => heard.push(part.toString()));
    request.on('end', () =>
      response
        .writeHead(200, { 'Content-Type': 'text/html', 'Access-Control-Allow-Origin': '*' })
        .end('<!doctype html><title>other</title><form method="post" action="/form"><button>go</button></form>'),
    );
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    heard.push(request.rawHeaders.join('\n'));
    socket.on('message', (data) => heard.push(String(data)));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return { server, port: (server.address() as AddressInfo).port, heard };
}

async function entered(context: BrowserContext, served: Served): Promise<{ page: Page; session: string }> {
  const page = await context.newPage();
  await page.goto(`${served.origin}/`);
  await page.locator('h1').waitFor();
  const session = await sessionOf(page);
  expect(session).toMatch(/^[\w-]{43}$/);
  return { page, session: session! };
}

test.describe('another server on this machine', () => {
  for (const [listensOn, name] of [
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', 'localhost'],
    ['::1', '[::1]'],
    ['127.0.0.2', '127.0.0.2'],
  ]) {
    test(`at ${name} and another port is told nothing`, async ({ context, served }) => {
      const { session } = await entered(context, served);
      expect(await context.cookies()).toEqual([]);
      const { server, port, heard } = await eavesdropper(listensOn);
      try {
        const other = await context.newPage();
        await other.goto(`http://${name}:${port}/navigated`);
        await other.evaluate(async (origin) => {
          const here = location.origin;
          await fetch(`${here}/fetched`, { credentials: 'include' });
          await fetch(`${here}/posted`, { method: 'POST', credentials: 'include', body: 'x' });
          await new Promise((done) => {
            const image = new Image();
            image.onload = image.onerror = done;
            image.src = `${here}/image.png`;
          });
          await new Promise((done) => {
            const socket = new WebSocket(`${here.replace('http', 'ws')}/socket`);
            socket.onopen = () => {
              socket.send(JSON.stringify({ ...localStorage, ...sessionStorage, cookie: document.cookie }));
              socket.close();
            };
            socket.onclose = done;
          });
          // and what it can reach of ours: nothing that it may read
          await fetch(`${origin}/`, { credentials: 'include' }).then(
            () => fetch(`${here}/read-our-page`),
            () => null,
          );
        }, served.origin);
        await other.getByRole('button', { name: 'go' }).click();
        await other.waitForURL(/form/);
        // from our page to theirs, as a link does it
        const ours = await context.newPage();
        await ours.goto(`${served.origin}/#/settings`);
        await ours.locator('h1').waitFor();
        await ours.evaluate((to) => location.assign(to), `http://${name}:${port}/from-ours`);
        await ours.waitForURL(/from-ours/);

        const all = heard.join('\n');
        for (const path of ['/navigated', '/fetched', '/posted', '/image.png', '/form', '/from-ours'])
          expect(all).toContain(path);
        expect(all).toMatch(/Sec-WebSocket-Key/i);
        expect(all).not.toContain(session);
        expect(all).not.toMatch(/^cookie$/im);
        expect(all).not.toContain('/read-our-page');
        expect(all).not.toContain(served.origin);
      } finally {
        server.closeAllConnections();
        server.close();
      }
    });
  }

  test('cannot open the socket, nor show our pages in a frame', async ({ context, served }) => {
    await entered(context, served);
    const { server, port } = await eavesdropper('127.0.0.1');
    try {
      const other = await context.newPage();
      await other.goto(`http://127.0.0.1:${port}/`);
      const outcome = await other.evaluate(
        (address) =>
          new Promise((resolve) => {
            const socket = new WebSocket(address);
            socket.onopen = () => resolve('open');
            socket.onerror = () => resolve('refused');
          }),
        `${served.origin.replace('http', 'ws')}/engine`,
      );
      expect(outcome).toBe('refused');
      await other.evaluate((origin) => {
        const frame = document.createElement('iframe');
        frame.src = origin;
        document.body.append(frame);
        return new Promise((done) => (frame.onload = done));
      }, served.origin);
      const [, frame] = other.frames();
      expect(await frame.locator('#app').count()).toBe(0);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

test.describe('the address', () => {
  test('lets one browser in, leaves the address bar, and the pages stay open when loaded anew and in another tab', async ({
    browser,
  }) => {
    const served = await startServed(browser);
    const context = await browser.newContext({ storageState: served.state, locale: 'en-GB' });
    const { page, session } = await entered(context, served);
    expect(page.url()).toBe(`${served.origin}/#/`);
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
    const tab = await context.newPage();
    await tab.goto(`${served.origin}/#/settings`);
    await tab.getByRole('heading', { level: 1, name: 'Settings' }).waitFor();
    // what others may have seen of the address is worth nothing now
    const stranger = await browser.newContext({ locale: 'en-GB' });
    const stolen = await stranger.newPage();
    await stolen.goto(served.address);
    await stolen.getByRole('heading', { level: 1, name: 'This address is used up' }).waitFor();
    expect(stolen.url()).not.toContain('token');
    expect(await sessionOf(stolen)).toBeNull();
    await stolen.goto(`${served.origin}/`);
    await stolen.getByRole('heading', { level: 1, name: 'This browser has not been let in' }).waitFor();
    // who is in already goes on
    await page.goto(served.address);
    await page.getByRole('heading', { level: 1, name: 'Home' }).waitFor();
    expect(await sessionOf(page)).toBe(session);
    await Promise.all([context.close(), stranger.close()]);
    await served.stop();
  });

  test('by the name that two servers can share leads to the number, with the token', async ({ browser }) => {
    const served = await startServed(browser, (address) => address.replace('127.0.0.1', 'localhost'));
    expect(served.state.origins.map(({ origin }) => origin)).toEqual([served.origin]);
    expect(served.origin).toContain('127.0.0.1');
    await served.stop();
  });
});
