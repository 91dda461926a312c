/**
 * The main job, as a person does it who is not root: a stick is captured and deployed onto another one, in the browser, in at most twelve
 * clicks, and every number on the way is what other programs say. Loop devices that are theirs stand for sticks.
 */
import { spawn } from 'node:child_process';
import { chownSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Browser, Page } from '@playwright/test';
import { pagesOf } from '../pages/index.ts';
import { hasPolkit, startOwnPolkit, testPerson, type TestPerson } from '../support/own-polkit.ts';
import { makeFiles, makeGptDisk, run } from './disks.ts';
import { printedAddress } from '../support/printed-address.ts';
import { complaintsOf, expect, test as base } from './fixtures.ts';
import { panel, untilDone } from './steps.ts';

const canLoop = process.platform === 'linux' && process.getuid?.() === 0;
if (!canLoop)
  console.warn('SKIPPED: the job of an ordinary person needs root, which makes the person and their sticks');

const CLI = resolve(import.meta.dirname, '../../out/main/cli.js');
const MAX_CLICKS = 12;

interface OfTest {
  /** a folder of this test, with what is done at its end, last in first out */
  bench: { folder: string; path(name: string): string; atEnd(undo: () => unknown): void };
}
const test = base.extend<OfTest>({
  bench: async ({ served }, use, { testId }) => {
    const folder = join(served.folder, testId);
    mkdirSync(folder);
    run('chmod', 'a+x', served.folder);
    const undo: (() => unknown)[] = [];
    await use({ folder, path: (name) => join(folder, name), atEnd: (one) => undo.push(one) });
    for (const one of undo.reverse()) await one();
  },
});

test.skip(!canLoop, 'loop devices need root on Linux');

interface Person {
  /** what their programs are started through */
  readonly through: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

const withoutRights = ({ uid, home }: TestPerson): Person => ({
  through: ['setpriv', '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', '--'],
  env: { HOME: home, PATH: process.env.PATH },
});

/** @returns a page of a Diskpress that the person has started */
async function openAs({ through, env }: Person, bench: OfTest['bench'], browser: Browser): Promise<Page> {
  const [program, ...args] = [...through, process.execPath, CLI, '--json', 'serve'];
  const child = spawn(program, args, { env, cwd: env.HOME, stdio: ['ignore', 'pipe', 'inherit'] });
  bench.atEnd(() => child.kill());
  const address = await printedAddress(child);
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
  bench.atEnd(() => context.close());
  const page = await context.newPage();
  await page.addInitScript(() => {
    const counted = globalThis as unknown as { clicks: number };
    counted.clicks = 0;
    addEventListener('pointerdown', () => counted.clicks++, true);
  });
  await page.goto(address);
  return page;
}

/** Presses of the mouse since the page was opened. */
const clicksOf = (page: Page) => page.evaluate(() => (globalThis as unknown as { clicks: number }).clicks);

/** The notice counts the rows that it is about, of which there are more where other tests attach disks; without such there is no notice. */
async function saysHowManyAreClosed(page: Page) {
  const count = async (text: string) => page.getByText(text).count();
  await expect(async () => {
    // the system's own disk would be of no use to them
    const closed = (await count('Diskpress may not open it.')) - (await count('This system runs from it.'));
    const notice = page.getByText(/\d+ disks? cannot be opened/);
    const said = closed === 0 ? [] : [closed === 1 ? '1 disk cannot be opened' : `${closed} disks cannot be opened`];
    expect(await notice.allTextContents()).toEqual(said);
  }).toPass();
}

/** From a source that is chosen to the first step of the deploy of its template. */
async function captureChosen(page: Page) {
  const { capture } = pagesOf(page);
  await capture.next.click();
  await capture.name.fill('Stick');
  await capture.seePlan.click();
  await capture.start.click();
  await untilDone(page, /Captured/);

  await panel(page).getByRole('link', { name: 'Open the template' }).click();
  await page.getByRole('link', { name: 'Deploy', exact: true }).click();
}

/** A stick with a system's partitions, and one with photographs, which is larger. */
function makeSticks(bench: OfTest['bench']) {
  const image = makeGptDisk(bench.path('full-stick.img'), makeFiles(bench.path('files')));
  const other = bench.path('old-stick.img');
  run('truncate', '-s', '320M', other);
  run('mke2fs', '-q', '-t', 'ext4', '-L', 'HOLIDAY', other);
  const [source, target] = [image, other].map((path) => run('losetup', '-f', '--show', path).trim());
  bench.atEnd(() => run('losetup', '-d', source, target));
  return { source, target, other };
}

test('a stick goes to another stick, without root and without a terminal', async ({ browser, bench }) => {
  const ada = testPerson(bench, 'ada', 47_110);
  const { source, target, other } = makeSticks(bench);
  const lend = (uid: number) => [source, target].forEach((device) => chownSync(device, uid, 0));
  const page = await openAs(withoutRights(ada), bench, browser);
  const complaints = complaintsOf(page);
  const { any, capture, deploy } = pagesOf(page);

  await any.link('home.capture').first().click();
  // what is not theirs yet cannot be chosen; the command that could is said
  await expect(capture.disk(target)).toBeDisabled();
  await saysHowManyAreClosed(page);
  await expect(page.getByText(/^sudo .*cli\.js --catalog '?\/.* --json serve$/)).toBeVisible();
  await expect(capture.disk(source)).toBeDisabled();
  bench.atEnd(() => lend(0));
  lend(ada.uid);
  await expect(capture.disk(target)).toBeEnabled();
  await saysHowManyAreClosed(page);
  await capture.disk(source).check();
  await expect(page.getByText(/268\sMB/).first()).toBeVisible();
  await captureChosen(page);
  await deploy.disk(target).check();
  await expect(page.getByText(/Now holding “HOLIDAY” \(ext4, .*\)\. All of it would be lost\./)).toBeVisible();
  await deploy.seeWholePlan();
  await expect(page.getByText(/^Erases old-stick\.img, 336\sMB$/)).toBeVisible();
  await deploy.confirmation(target).fill(target);
  await deploy.erase.click();
  await untilDone(page, /Deployed/);
  expect(await clicksOf(page)).toBeLessThanOrEqual(MAX_CLICKS);
  expect(complaints).toEqual([]);
  expect(run('sgdisk', '-v', other)).toContain('No problems found');
});

test('disks that are not theirs are read, and erased, with rights that are asked for there', async ({
  browser,
  bench,
}) => {
  test.skip(!hasPolkit, 'needs pkexec, polkitd and dbus-daemon');
  const eve = testPerson(bench, 'eve', 47_121);
  const polkit = await startOwnPolkit(bench, [eve], eve);
  const { source, target, other } = makeSticks(bench);
  const page = await openAs(polkit.as(eve), bench, browser);
  const complaints = complaintsOf(page);
  const { any, capture, deploy } = pagesOf(page);
  const ask = page.getByRole('button', { name: 'Ask for administrator rights', exact: true });

  await any.link('home.capture').first().click();
  await capture.disk(source).check();
  await expect(page.getByText('cannot be opened')).toHaveCount(0);
  await ask.click();
  await expect(page.getByText('lab-root').first()).toBeVisible();
  await captureChosen(page);
  await deploy.disk(target).check();
  await deploy.seeWholePlan();
  await deploy.confirmation(target).fill(target);
  await page.getByRole('button', { name: 'Ask for administrator rights and deploy' }).click();
  await untilDone(page, /Deployed/);
  expect(complaints).toEqual([]);
  expect(run('sgdisk', '-v', other)).toContain('No problems found');
  expect(run('find', eve.home, '-not', '-uid', String(eve.uid))).toBe('');
});
