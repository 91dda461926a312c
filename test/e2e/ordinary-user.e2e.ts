/**
 * The main job, as a person does it who is not root: a stick is captured and deployed onto another one, in the browser, in at most twelve
 * clicks, and every number on the way is what other programs say. Loop devices that are theirs stand for sticks.
 */
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Page } from '@playwright/test';
import { pagesOf } from '../pages/index.ts';
import { makeFiles, makeGptDisk, run } from './disks.ts';
import { complaintsOf, expect, test } from './fixtures.ts';
import { panel, untilDone } from './steps.ts';

const canLoop = process.platform === 'linux' && process.getuid?.() === 0;
if (!canLoop)
  console.warn('SKIPPED: the job of an ordinary person needs root, which makes the person and their sticks');
test.skip(!canLoop, 'loop devices need root on Linux');

const CLI = resolve(import.meta.dirname, '../../out/main/cli.js');
const UID = 47_110;
const MAX_CLICKS = 12;

/** @returns the address that it prints */
function serveAs(home: string) {
  const env = { HOME: home, PATH: process.env.PATH };
  const who = ['--reuid', String(UID), '--regid', String(UID), '--clear-groups'];
  const child = spawn('setpriv', [...who, process.execPath, CLI, '--json', 'serve'], {
    env,
    cwd: home,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const address = new Promise<string>((found, failed) => {
    child.once('exit', (code) => failed(new Error(`serve ended with ${code}`)));
    createInterface(child.stdout).on('line', (line) => {
      const [match] = /http:\/\/[^"\s]+token=[\w-]+/.exec(line) ?? [];
      if (match) found(match);
    });
  });
  return { child, address };
}

/** Presses of the mouse since the page was opened. */
const clicksOf = (page: Page) => page.evaluate(() => (globalThis as unknown as { clicks: number }).clicks);

test('a stick goes to another stick, without root and without a terminal', async ({ browser, served }) => {
  const { folder } = served;
  chmodSync(folder, 0o755);
  const home = join(folder, 'home');
  mkdirSync(home);
  const source = makeGptDisk(join(folder, 'full-stick.img'), makeFiles(join(folder, 'files')));
  const target = join(folder, 'old-stick.img');
  run('truncate', '-s', '320M', target);
  run('mke2fs', '-q', '-t', 'ext4', '-L', 'PHOTOS', target);
  const devices = [source, target].map((path) => run('losetup', '-f', '--show', path).trim());
  const lend = (uid: number) => devices.forEach((device) => chownSync(device, uid, 0));
  chownSync(home, UID, UID);
  const { child, address } = serveAs(home);
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
  try {
    const page = await context.newPage();
    const complaints = complaintsOf(page);
    await page.addInitScript(() => {
      const counted = globalThis as unknown as { clicks: number };
      counted.clicks = 0;
      addEventListener('pointerdown', () => counted.clicks++, true);
    });
    await page.goto(await address);
    const { any, capture, deploy } = pagesOf(page);

    await any.link('home.capture').first().click();
    // what is not lent yet cannot be chosen; the command that could is said
    await expect(page.getByText('2 disks cannot be opened')).toBeVisible();
    await expect(page.getByText(/^sudo .*cli\.js --json serve$/)).toBeVisible();
    await expect(capture.disk(devices[0])).toBeDisabled();
    lend(UID);
    await expect(page.getByText('disks cannot be opened')).toHaveCount(0);
    await capture.disk(devices[0]).check();
    await expect(page.getByText(/268\sMB/).first()).toBeVisible();
    await capture.next.click();
    await capture.name.fill('Stick');
    await capture.seePlan.click();
    await capture.start.click();
    await untilDone(page, /Captured/);
    const captured = await clicksOf(page);

    await panel(page).getByRole('link', { name: 'Open the template' }).click();
    await page.getByRole('link', { name: 'Deploy', exact: true }).click();
    await deploy.disk(devices[1]).check();
    await expect(page.getByText(/Now holding “PHOTOS” \(ext4, .*\)\. All of it would be lost\./)).toBeVisible();
    await deploy.seeWholePlan();
    await expect(page.getByText(/^Erases old-stick\.img, 336\sMB$/)).toBeVisible();
    await deploy.confirmation(devices[1]).fill(devices[1]);
    await deploy.erase.click();
    await untilDone(page, /Deployed/);
    console.log(`clicks: ${captured} to capture, ${await clicksOf(page)} in all`);
    expect(await clicksOf(page)).toBeLessThanOrEqual(MAX_CLICKS);
    expect(complaints).toEqual([]);
  } finally {
    await context.close();
    child.kill();
    lend(0);
    for (const device of devices) run('losetup', '-d', device);
  }
  run('sgdisk', '-v', target);
});
