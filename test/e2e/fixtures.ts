/** A served application with a catalog of its own for each test file, and pages that must stay free of complaints. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { test as base, expect, type Browser, type BrowserContext, type Page } from '@playwright/test';
import { pagesOf, type Pages } from '../pages/index.ts';
import { printedAddress } from '../support/printed-address.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CLI = join(ROOT, 'out/main/cli.js');

export interface Served {
  /** a folder for images; removed at the end */
  folder: string;
  /** without the token */
  origin: string;
  /** used up */
  address: string;
  /** a context whose kept session opens the door */
  state: Awaited<ReturnType<BrowserContext['storageState']>>;
  stop(): Promise<void>;
  /** Kills the engine with its server, as a crash does. */
  kill(): Promise<void>;
  /** Starts it anew on the same catalog. @returns the address that it prints */
  restart(): Promise<string>;
  /** Runs the command line on the same catalog. */
  cli(...parameters: string[]): Promise<{ code: number | null; lines: Record<string, unknown>[] }>;
}

const node = (parameters: string[]) =>
  spawn(process.execPath, [CLI, ...parameters], { stdio: ['ignore', 'pipe', 'inherit'] });

async function end(process_: ReturnType<typeof node>, signal: NodeJS.Signals): Promise<void> {
  if (process_.exitCode !== null || process_.signalCode !== null) return;
  const ended = new Promise<void>((done) => process_.once('exit', () => done()));
  process_.kill(signal);
  await ended;
}

async function serve(open: (address: string) => Promise<Served['state']>): Promise<Served> {
  if (!existsSync(CLI)) throw new Error('Not built: run `npm run build` first.');
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-e2e-'));
  const catalog = join(folder, 'catalog');
  let process_ = node(['--json', '--catalog', catalog, 'serve']);
  const address = await printedAddress(process_);
  return {
    folder,
    origin: new URL(address).origin,
    address,
    state: await open(address),
    async stop() {
      await end(process_, 'SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
    kill: () => end(process_, 'SIGKILL'),
    restart() {
      process_ = node(['--json', '--catalog', catalog, 'serve']);
      return printedAddress(process_);
    },
    cli: (...parameters) =>
      new Promise((done) => {
        const lines: Record<string, unknown>[] = [];
        const child = node(['--json', '--catalog', catalog, ...parameters]);
        createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line) as Record<string, unknown>));
        child.once('close', (code) => done({ code, lines }));
      }),
  };
}

/** What a page complains of: errors of scripts, refusals by the content security policy, requests that failed. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  return complaints;
}

/**
 * Starts an application with an empty catalog and enters it once, as a person does, by the address with the token.
 * @param typed what the person makes of the address
 */
export async function startServed(browser: Browser, typed = (address: string) => address): Promise<Served> {
  return serve(async (address) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(typed(address));
    await expect(page).toHaveURL(new RegExp(`^${new URL(address).origin}/(#/)?$`));
    // the session is kept by now
    await page.locator('h1').waitFor();
    await expect.poll(() => page.evaluate(() => localStorage.getItem('diskpress.session'))).not.toBeNull();
    const state = await context.storageState();
    await context.close();
    return state;
  });
}

interface OfTest {
  served: Served;
  app: Page;
  /** what a person sees and does on it */
  pages: Pages;
  go(hash: string): Promise<void>;
}
interface OfWorker {
  /** The application of a test file: tests of one file follow each other on one catalog. */
  servedFor(file: string): Promise<Served>;
}

export const test = base.extend<OfTest, OfWorker>({
  servedFor: [
    async ({ browser }, use) => {
      let current: { file: string; served: Served } | null = null;
      await use(async (file) => {
        if (current?.file === file) return current.served;
        await current?.served.stop();
        current = { file, served: await startServed(browser) };
        return current.served;
      });
      await (current as { served: Served } | null)?.served.stop();
    },
    { scope: 'worker' },
  ],
  served: async ({ servedFor }, use, { file }) => use(await servedFor(file)),
  context: async ({ browser, served, locale, colorScheme }, use) => {
    const context = await browser.newContext({
      storageState: served.state,
      locale: locale ?? 'en-GB',
      colorScheme,
      viewport: { width: 1280, height: 800 },
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await use(context);
    await context.close();
  },
  app: async ({ page, served }, use) => {
    const complaints = complaintsOf(page);
    await page.goto(`${served.origin}/`);
    await page.locator('h1').waitFor();
    await use(page);
    expect(complaints).toEqual([]);
  },
  pages: ({ app }, use) => use(pagesOf(app)),
  go: async ({ app, served }, use) => {
    await use(async (hash) => {
      await app.goto(`${served.origin}/#${hash}`);
      await app.locator('h1').waitFor();
    });
  },
});

export { expect };
