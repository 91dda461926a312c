/** What is seen: nothing lies over anything, long names hold, colours are not needed. */
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { makeExt4, makeFiles } from './disks.ts';
import { expect, test } from './fixtures.ts';
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
