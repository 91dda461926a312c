/** The desktop application in Electron: that it works, and that a page cannot get out. Runs where Electron's binary is. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { _electron, expect, test, type ElectronApplication, type Page } from '@playwright/test';
import { electronBinary, hasDisplay } from '../../scripts/electron.mjs';

const root = resolve(import.meta.dirname, '../..');
const binary = electronBinary();
const missing = binary === null ? "Electron's binary is not here" : hasDisplay() ? null : 'there is no display';
if (missing) console.warn(`SKIPPED: the desktop application is not tested: ${missing}`);
test.skip(missing !== null, missing ?? '');
test.describe.configure({ mode: 'serial' });

let folder: string;
let application: ElectronApplication;
let page: Page;

test.beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diskpress-desktop-'));
  // Chromium refuses to run as root with its sandbox
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  application = await _electron.launch({
    executablePath: binary!,
    args: [...sandbox, `--user-data-dir=${join(folder, 'profile')}`, root],
    env: { ...(process.env as Record<string, string>), DISKPRESS_CATALOG: join(folder, 'catalog') },
  });
  page = await application.firstWindow();
});

test.afterAll(async () => {
  if (missing) return;
  await application.close();
  await rm(folder, { recursive: true });
});

test('shows the pages, connected to the engine', async () => {
  await expect(page).toHaveURL(/^app:\/\/diskpress\/index\.html/);
  await expect(page.getByRole('main')).toBeVisible();
  await expect(page.getByRole('alert')).toHaveCount(0);
});

test('hands over a port to the engine, as often as it is asked', async () => {
  for (let i = 0; i < 2; i++) {
    const reply = await page.evaluate(
      () =>
        new Promise((answer) => {
          window.addEventListener('message', ({ data, ports: [port] }) => {
            if (data?.type !== 'diskpress:port') return;
            port.onmessage = (event) => answer(event.data);
            port.postMessage({ verb: 'call', id: 1, command: 'app.info', params: {} });
          });
          window.postMessage({ type: 'diskpress:hello' }, location.origin);
        }),
    );
    expect(reply).toMatchObject({ kind: 'result', id: 1, value: { catalogPath: join(folder, 'catalog') } });
  }
});

test('tells a page where a dropped file lies, and takes it to its import', async () => {
  const image = join(folder, 'dropped image.img');
  await writeFile(image, Buffer.alloc(1_048_576));
  const session = await page.context().newCDPSession(page);
  const at = { x: 400, y: 300, data: { items: [], files: [image], dragOperationsMask: 1 } };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { ...at, type });
  }
  await session.detach();
  await expect(page).toHaveURL(/#\/import/);
  await expect(page.getByText(image, { exact: true })).toBeVisible();
  await page.evaluate(() => void (location.hash = '#/'));
});

test('gives a page nothing of Node and nothing of Electron', async () => {
  const found = await page.evaluate(() =>
    ['require', 'process', 'module', 'Buffer', 'global', 'electron', 'ipcRenderer'].filter(
      (name) => name in globalThis,
    ),
  );
  expect(found).toEqual([]);
});

test('is sandboxed and isolated', async () => {
  const preferences = await application.evaluate(({ BrowserWindow }) =>
    // not in the types: what the window was really made with
    (
      BrowserWindow.getAllWindows()[0].webContents as unknown as { getLastWebPreferences(): object }
    ).getLastWebPreferences(),
  );
  expect(preferences).toMatchObject({
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    webviewTag: false,
  });
});

test('does not navigate away', async () => {
  await page.evaluate(() => void (location.href = 'https://example.org/'));
  await page.evaluate(() => void (location.href = 'file:///etc/passwd'));
  await page.waitForTimeout(500);
  await expect(page).toHaveURL(/^app:\/\/diskpress\/index\.html/);
});

test('opens no other window', async () => {
  expect(await page.evaluate(() => window.open('https://example.org/') === null)).toBe(true);
  expect(await page.evaluate(() => window.open('/index.html') === null)).toBe(true);
  expect(application.windows()).toHaveLength(1);
});

test('gives no permissions but to copy', async () => {
  expect(await page.evaluate(() => Notification.requestPermission())).toBe('denied');
  const position = page.evaluate(
    () =>
      new Promise((answer) =>
        navigator.geolocation.getCurrentPosition(
          () => answer('allowed'),
          ({ code }) => answer(code),
        ),
      ),
  );
  expect(await position).toBe(1);
  await expect(page.evaluate(() => navigator.mediaDevices.getUserMedia({ video: true }))).rejects.toThrow();
});

test('reaches no network and no file', async () => {
  for (const url of ['https://example.org/', 'http://127.0.0.1/', 'file:///etc/passwd']) {
    await expect(page.evaluate((to) => fetch(to).then(() => 'reached'), url)).rejects.toThrow();
  }
  expect(await page.evaluate(() => fetch('/../../package.json').then(({ status }) => status))).toBe(404);
});

test('runs no script that is written into the page', async () => {
  const ran = await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'document.documentElement.dataset.ran = "yes"';
    document.head.append(script);
    return document.documentElement.dataset.ran;
  });
  expect(ran).toBeUndefined();
});
