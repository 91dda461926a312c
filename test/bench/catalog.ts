/**
 * A catalog of 100 templates and one of 10,000, in turn: until the first row stands in the page, and until the command line has listed all.
 * Writes CATALOG.md beside itself.
 *
 *   npm run bench -- catalog [--rounds N]     needs Debian's chromium; an idle machine
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium, type Browser } from '@playwright/test';
import { printedAddress } from '../support/printed-address.ts';
import { multiplyTemplate } from '../support/many-templates.ts';
import { table } from './capture/report.ts';
import { measure, median, type Measured } from './measure.ts';

const CLI = join(import.meta.dirname, '../../out/main/cli.js');
const SAMPLE = join(import.meta.dirname, '../../resources/sample-disk.img');
const [FEW, MANY] = [100, 10_000];
const AIM = 1.5;

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' } }, allowPositionals: true });
const rounds = Number(values.rounds);
const work = mkdtempSync('/var/tmp/diskpress-catalogs-');

const inCatalog = (count: number, ...args: string[]) => [CLI, '--catalog', join(work, `${count}`), ...args];

async function makeCatalog(count: number): Promise<void> {
  const image = join(work, 'disk.img');
  copyFileSync(SAMPLE, image);
  await measure(process.execPath, inCatalog(count, 'capture', image, '--name', 'machine 00000'));
  multiplyTemplate(join(work, `${count}`), count - 1);
}

const servers: ChildProcess[] = [];

/** A window that is opened on the catalog's page, by a person who has been there before. */
async function firstRows(browser: Browser, count: number): Promise<() => Promise<number>> {
  const server = spawn(process.execPath, inCatalog(count, '--json', 'serve'), { stdio: ['ignore', 'pipe', 'inherit'] });
  servers.push(server);
  const address = await printedAddress(server);
  const context = await browser.newContext({ locale: 'en-GB' });
  const entered = await context.newPage();
  await entered.goto(address);
  await entered.locator('h1').waitFor();
  await entered.close();
  return async () => {
    const page = await context.newPage();
    const began = performance.now();
    await page.goto(`${new URL(address).origin}/#/catalog`);
    await page.getByRole('table').getByRole('link').first().waitFor();
    const took = (performance.now() - began) / 1000;
    await page.close();
    return took;
  };
}

const seconds = (value: number) => `${value.toFixed(2)} s`;
const row = (name: string, few: number[], many: number[], aim: number | null) => [
  name,
  seconds(median(few)),
  seconds(median(many)),
  (median(many) / median(few)).toFixed(2),
  aim === null ? '' : `≤ ${aim.toFixed(2)}`,
];

try {
  for (const count of [FEW, MANY]) await makeCatalog(count);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium' });
  const open = { few: await firstRows(browser, FEW), many: await firstRows(browser, MANY) };
  const pages: { few: number[]; many: number[] } = { few: [], many: [] };
  // the first ones compile the page
  await open.few();
  await open.many();
  for (let round = 0; round < rounds; round++) {
    pages.few.push(await open.few());
    pages.many.push(await open.many());
  }
  await browser.close();
  const list = (count: number, ...args: string[]) => measure(process.execPath, inCatalog(count, ...args, 'list'));
  const lists: Record<'text' | 'json', { few: Measured[]; many: Measured[] }> = {
    text: { few: [], many: [] },
    json: { few: [], many: [] },
  };
  for (let round = 0; round < rounds; round++) {
    lists.text.few.push(await list(FEW));
    lists.text.many.push(await list(MANY));
    lists.json.few.push(await list(FEW, '--json'));
    lists.json.many.push(await list(MANY, '--json'));
  }
  const took = (measured: readonly Measured[]) => measured.map((one) => one.seconds);
  const text = `# A catalog of ten thousand

Made by \`npm run bench -- catalog --rounds ${rounds}\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0].model}, Node ${process.version}. One catalog of ${FEW} templates and one of ${MANY}, in
turn; medians of ${rounds}. In the page: from a window that is opened on the catalog until a template stands in the table. The command line: the whole command, page caches dropped.

${table(
  ['', '100 templates', '10,000 templates', 'ratio', 'aim'],
  [
    row('first row in the page', pages.few, pages.many, AIM),
    row('`diskpress list`, all of it', took(lists.text.few), took(lists.text.many), null),
    row('`diskpress --json list`, all of it', took(lists.json.few), took(lists.json.many), null),
  ],
)}
`;
  console.log(text);
  writeFileSync(join(import.meta.dirname, 'CATALOG.md'), text);
} finally {
  for (const server of servers) server.kill();
  rmSync(work, { recursive: true, force: true });
}
