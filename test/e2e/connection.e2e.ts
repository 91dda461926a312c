/** The engine goes away: a calm notice, and the way back. */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { WebSocketRoute } from '@playwright/test';
import { expect, startServed, test } from './fixtures.ts';
import { judge } from './judge.ts';
import { captureFile } from './steps.ts';

test('a lost engine is said, and the window keeps trying', async ({ browser }) => {
  const served = await startServed(browser);
  const context = await browser.newContext({ storageState: served.state, locale: 'en-GB' });
  const page = await context.newPage();
  await page.goto(`${served.origin}/`);
  await page.locator('h1').waitFor();
  await served.stop();
  const notice = page.getByRole('alert').filter({ hasText: 'The connection to the engine is lost.' });
  await expect(notice).toBeVisible();
  await expect(notice).toContainText(/Next attempt in \d+\ss\./);
  await notice.getByRole('button', { name: 'Reconnect' }).click();
  await expect(notice).toBeVisible();
  await context.close();
});

test('an engine that is gone before the page has reached it is said, too', async ({ page, served }) => {
  let isReached = false;
  await page.routeWebSocket(/./, (socket) => void (isReached ? socket.connectToServer() : socket.close()));
  await page.goto(`${served.origin}/`);
  const notice = page.getByRole('alert').filter({ hasText: 'The connection to the engine is lost.' });
  await expect(notice).toBeVisible();
  isReached = true;
  await notice.getByRole('button', { name: 'Reconnect' }).click();
  await expect(notice).toBeHidden();
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
});

test('an attempt that hangs is given up for a new one, and its end means nothing then', async ({ page, served }) => {
  const hanging: WebSocketRoute[] = [];
  let attempts = 0;
  await page.routeWebSocket(/./, (socket) => {
    attempts++;
    if (attempts === 1) void socket.close();
    else if (attempts === 2) hanging.push(socket);
    else socket.connectToServer();
  });
  await page.goto(`${served.origin}/`);
  const notice = page.getByRole('alert').filter({ hasText: 'The connection to the engine is lost.' });
  await expect.poll(() => hanging.length).toBe(1);
  await notice.getByRole('button', { name: 'Reconnect' }).click();
  await expect(notice).toBeHidden();
  await hanging[0].close();
  // what a page asks for comes from the engine
  await page.goto(`${served.origin}/#/settings`);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expect(notice).toBeHidden();
  expect(attempts).toBe(3);
});

test('an engine that is started anew: no job goes on for show, and an old window goes on with what is typed in it', async ({
  browser,
}) => {
  const served = await startServed(browser);
  const context = await browser.newContext({ storageState: served.state, locale: 'en-GB' });
  const page = await context.newPage();
  const source = join(served.folder, 'noise.img');
  const fd = openSync(source, 'w');
  for (let i = 0; i < 64; i++) writeSync(fd, randomBytes(8 * 1024 * 1024));
  closeSync(fd);

  const form = await context.newPage();
  await form.goto(`${served.origin}/#/machines/form`);
  await form.locator('main form input').first().fill('typed before');

  await page.goto(`${served.origin}/`);
  await captureFile(page, source, 'Interrupted');
  await served.kill();
  await expect(page.getByText('No news: the engine is not reached').first()).toBeVisible();
  const turning = () =>
    page.evaluate(
      () => document.getAnimations().filter((one) => one.effect?.getTiming().iterations === Infinity).length,
    );
  await expect.poll(turning).toBe(0);
  await judge(page, 'the engine is gone');

  const address = await served.restart();
  expect(new URL(address).origin).toBe(served.origin);
  const notice = form.getByRole('alert').filter({ hasText: 'Diskpress was started anew.' });
  await form.getByRole('button', { name: 'Reconnect' }).click();
  await expect(notice).toBeVisible();
  await judge(form, 'another engine');
  const fresh = await context.newPage();
  await fresh.goto(address);
  await expect(notice).toHaveCount(0);
  await expect(form.locator('main form input').first()).toHaveValue('typed before');
  await expect(page.getByText('Nothing was added to the catalog.', { exact: false }).first()).toBeVisible();
  await context.close();
  await served.stop();
});

test('jobs of a catalog that is away are told as that', async ({ app, go, served }) => {
  const catalog = join(served.folder, 'catalog');
  await go('/jobs');
  renameSync(catalog, `${catalog}.away`);
  const notice = app.getByRole('alert').filter({ hasText: 'These are the jobs that were known before it went.' });
  await expect(notice).toBeVisible();
  await judge(app, 'the catalog is away');
  renameSync(`${catalog}.away`, catalog);
  await expect(notice).toHaveCount(0);
});
