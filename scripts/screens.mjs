/**
 * Takes pictures of every page and state, with made-up data, into test-results/screens: `npm run screens [-- PATTERN]`, as in `960-light-en/(import|capture)`.
 * They are for looking at, not for comparing.
 */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { chromium } from '@playwright/test';
import { build, preview } from 'vite';
import { pagesOf } from '../test/pages/index.ts';
import { STATES } from '../test/screens/states.ts';

const root = resolve(import.meta.dirname, '..');
const pages = resolve(root, 'test/screens/app');
const app = resolve(root, 'test-results/screens-app');
const out = resolve(root, 'test-results/screens');
const filter = new RegExp(process.argv[2] ?? '');
const executablePath = process.env.CHROMIUM_PATH ?? (existsSync('/usr/bin/chromium') ? '/usr/bin/chromium' : undefined);

const { renderer } = (await import('../electron.vite.config.ts')).default;
await build({
  ...renderer,
  root: pages,
  publicDir: resolve(renderer.root, 'public'),
  configFile: false,
  logLevel: 'warn',
  build: {
    ...renderer.build,
    outDir: app,
    chunkSizeWarningLimit: 2000,
    rollupOptions: { input: resolve(pages, 'index.html') },
  },
});
const server = await preview({ configFile: false, build: { outDir: app }, preview: { port: 0, host: '127.0.0.1' } });
const address = server.resolvedUrls.local[0];

const LOOKS = [
  { name: '960-light-en', width: 960, height: 600, theme: 'light', lang: 'en' },
  { name: '1280-light-en', width: 1280, height: 800, theme: 'light', lang: 'en' },
  { name: '1600-light-en', width: 1600, height: 1000, theme: 'light', lang: 'en' },
  { name: '960-light-fr', width: 960, height: 600, theme: 'light', lang: 'fr' },
  { name: '960-dark-fr', width: 960, height: 600, theme: 'dark', lang: 'fr' },
  { name: '1280-dark-fr', width: 1280, height: 800, theme: 'dark', lang: 'fr' },
  { name: '1600-dark-en', width: 1600, height: 1000, theme: 'dark', lang: 'en' },
  { name: '480-light-fr', width: 480, height: 300, theme: 'light', lang: 'fr', scale: 2 },
  { name: '1280-forced-en', width: 1280, height: 800, theme: 'light', lang: 'en', forced: 'light' },
  { name: '960-forced-dark-fr', width: 960, height: 600, theme: 'dark', lang: 'fr', forced: 'dark' },
];

await rm(out, { recursive: true, force: true });
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
let taken = 0;
const complaints = new Set();
for (const look of LOOKS) {
  await mkdir(resolve(out, look.name), { recursive: true });
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    deviceScaleFactor: look.scale ?? 1,
    reducedMotion: 'reduce',
    ...(look.forced && { forcedColors: 'active', colorScheme: look.forced }),
  });
  for (const [name, scene, hash, act] of STATES) {
    if (!filter.test(`${look.name}/${name}`)) continue;
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.on('console', (message) => message.type() === 'error' && complaints.add(`${name}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.add(`${name}: ${error.message}`));
    await page.goto(`${address}?scene=${scene}&theme=${look.theme}&lang=${look.lang}#${hash}`);
    await page.locator('h1').first().waitFor();
    await page.waitForTimeout(120);
    try {
      await act?.(pagesOf(page, look.lang));
    } catch (error) {
      complaints.add(`${look.name}/${name}: ${error.message.split('\n')[0]}`);
    }
    await page.waitForTimeout(120);
    await page.screenshot({ path: resolve(out, look.name, `${name}.png`) });
    await page.close();
    taken++;
  }
  await context.close();
}
await browser.close();
await server.close();
await rm(app, { recursive: true, force: true });
for (const complaint of complaints) console.error(complaint);
console.log(`${taken} pictures in test-results/screens`);
process.exitCode = complaints.size ? 1 : 0;
