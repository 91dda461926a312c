/** What is seen: nothing lies over anything, long names hold, colours are not needed. */
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { makeExt4, makeFiles, makeGptDisk } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';
import { captureFile, panel, untilDone } from './steps.ts';

test.describe.configure({ mode: 'serial' });

/** As long as a name may be, with no place to break it. */
const UNBROKEN = 'Backup_of_the_server_in_room_2.07'.repeat(4).slice(0, 128);
let jobHash = '';
let templateHash = '';

/** What is wider than the place that it stands in, or reaches out of the window. */
const outside = (page: Page) =>
  page.evaluate(() => {
    const places = [...document.querySelectorAll('.column, aside, .scroll')];
    return places
      .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
      .map(({ className, scrollWidth, clientWidth }) => `${className}: ${scrollWidth} of ${clientWidth}`);
  });

test('a long name and a long note without a place to break hold everywhere', async ({ app, served, go }) => {
  const image = makeExt4(join(served.folder, 'long.img'), makeFiles(join(served.folder, 'files')));
  await captureFile(app, image, UNBROKEN);
  await untilDone(app, /Captured/);
  jobHash = new URL(app.url()).hash.slice(1);
  await panel(app).getByRole('link', { name: 'Open the template' }).click();
  await expect(app.getByRole('heading', { level: 1, name: UNBROKEN })).toBeVisible();
  templateHash = new URL(app.url()).hash.slice(1);
  await app.getByRole('button', { name: 'Edit' }).click();
  await app.getByLabel('Note').fill(UNBROKEN.repeat(3));
  await app.getByRole('button', { name: 'Save' }).click();
  await expect(app.getByRole('complementary', { name: 'Edit template' })).toHaveCount(0);
  const id = templateHash.split('/').at(-1);
  for (const width of [960, 1280]) {
    await app.setViewportSize({ width, height: 800 });
    const hashes = [
      '/',
      `/catalog?chosen=${id}`,
      '/catalog?view=cards',
      templateHash,
      jobHash,
      `/deploy?template=${id}`,
    ];
    for (const hash of hashes) {
      await go(hash);
      await expect(app.getByText(UNBROKEN).first()).toBeVisible();
      expect(await outside(app), `${hash} at ${width}`).toEqual([]);
    }
  }
});

test('the panel beside a list covers nothing of it', async ({ app, go }) => {
  await go(jobHash);
  const list = await app.getByRole('list', { name: 'Jobs' }).boundingBox();
  const beside = await panel(app).boundingBox();
  expect(beside!.x).toBeGreaterThanOrEqual(list!.x + list!.width);
  await expect(app.getByRole('listitem').first().getByText(/today/)).toBeInViewport({ ratio: 1 });
});

test('a wizard has its place among the places', async ({ app, go }) => {
  for (const hash of ['/capture', '/import', '/deploy', `${templateHash}/export`]) {
    await go(hash);
    const here = app.getByRole('navigation', { name: 'Places' }).locator('[aria-current="page"]');
    await expect(here, hash).toHaveText(/Catalog/);
  }
});

test('where people choose all colours, what is chosen and what is used are still told apart', async ({ app, go }) => {
  await app.emulateMedia({ forcedColors: 'active' });
  await go('/settings');
  const ground = (name: string) =>
    app.locator('label.option', { hasText: name }).evaluate((option) => getComputedStyle(option).backgroundColor);
  expect(await ground('As the system')).not.toBe(await ground('Dark'));
  const places = app.getByRole('navigation', { name: 'Places' }).getByRole('link');
  const grounds = await places.evaluateAll((all) => all.map((one) => getComputedStyle(one).backgroundColor));
  expect(grounds.at(-1)).not.toBe(grounds[0]);
  await go(templateHash);
  const tab = (isOn: boolean) =>
    app
      .getByRole('tab', { selected: isOn })
      .first()
      .evaluate((one) => getComputedStyle(one, '::after').backgroundColor);
  const isSeen = await app.evaluate(
    (color) => color !== getComputedStyle(document.body).backgroundColor,
    await tab(true),
  );
  expect(isSeen).toBe(true);
  const used = await app
    .locator('button.segment')
    .first()
    .evaluate((segment) => getComputedStyle(segment).backgroundImage);
  expect(used).toContain('gradient');
  await judge(app, 'forced colours');
});

const focused = (page: Page) => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');

test('the focus goes with the page, to the job after a start, and back to where a panel was opened from', async ({
  app,
  served,
  go,
}) => {
  await go('/');
  expect(await focused(app)).not.toBe('Home');
  await app.keyboard.press('g');
  await app.keyboard.press('c');
  await expect.poll(() => focused(app)).toBe('Catalog');
  await app.getByRole('link', { name: UNBROKEN }).first().press('Enter');
  await expect.poll(() => focused(app)).toBe(UNBROKEN);
  await app.goBack();
  await expect.poll(() => focused(app)).toBe('Catalog');
  await captureFile(app, makeExt4(join(served.folder, 'after.img'), join(served.folder, 'files')), 'After the start');
  await expect.poll(() => focused(app)).toContain('Capture “After the start”');
  await untilDone(app, /Captured/);
  // a job of the list opens beside it: the focus stays on the list
  await app.getByRole('listitem').getByRole('link').last().press('Enter');
  await expect(panel(app)).toContainText(UNBROKEN);
  expect(await focused(app)).toContain(UNBROKEN);
});

test('a first capture of an ordinary disk ends in green: that swap is left empty is a note', async ({
  app,
  served,
}) => {
  const disk = makeGptDisk(join(served.folder, 'ordinary.img'), join(served.folder, 'files'));
  await captureFile(app, disk, 'Ordinary');
  await untilDone(app, /Captured/);
  await expect(panel(app)).toContainText('The content of the swap space is left out.');
  await expect(panel(app).locator('.notice.warning')).toHaveCount(0);
  const row = app.getByRole('listitem').filter({ hasText: 'Capture “Ordinary”' });
  await expect(row.locator('.state')).toHaveClass(/done/);
});
