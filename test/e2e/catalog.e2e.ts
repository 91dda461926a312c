/** The catalog of ten thousand templates: what is in sight exists, everything is found, columns are as a person wants them. */
import { copyFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Page } from '@playwright/test';
import { multiplyTemplate } from '../support/many-templates.ts';
import { expect as usual, test } from './fixtures.ts';

/** So many rows take their time to arrive where other work is done beside. */
const expect = usual.configure({ timeout: 60_000 });

const COUNT = 10_000;
/** Rows in sight and some around them, on any screen. */
const FEW = 60;

test.beforeAll(async ({ browser: _, servedFor }, info) => {
  const served = await servedFor(info.file);
  const image = join(served.folder, 'disk.img');
  copyFileSync(resolve(import.meta.dirname, '../../resources/sample-disk.img'), image);
  const { code } = await served.cli('capture', image, '--name', 'machine 00000');
  expect(code).toBe(0);
  multiplyTemplate(join(served.folder, 'catalog'), COUNT);
});

const rows = (page: Page) => page.getByRole('table').getByRole('row');
/** The first columns behind the check box, as soon as they are there. */
const hasHeads = (page: Page, names: string[]) =>
  expect
    .poll(async () => (await page.getByRole('columnheader').allInnerTexts()).slice(1, 1 + names.length))
    .toEqual(names);
const scrollTo = (page: Page, top: number) =>
  page.locator('[data-scroller]').evaluate((scroller, to) => scroller.scrollTo(0, to), top);

test('only rows in sight exist, at the top, in the middle and at the end', async ({ app, go }) => {
  await go('/catalog?sort=name&reach=all');
  await expect(app.getByRole('table')).toHaveAttribute('aria-rowcount', String(COUNT + 2));
  await expect(app.getByRole('link', { name: 'machine 00001', exact: true })).toBeVisible();
  expect(await rows(app).count()).toBeLessThan(FEW);
  await scrollTo(app, 60 * 5000);
  await expect(app.getByRole('link', { name: 'machine 05000', exact: true })).toBeAttached();
  await expect(app.getByRole('link', { name: 'machine 00001', exact: true })).toHaveCount(0);
  expect(await rows(app).count()).toBeLessThan(FEW);
  await scrollTo(app, 1e9);
  await expect(app.getByRole('link', { name: 'machine 10000', exact: true })).toBeVisible();
});

test('cards are as many as are in sight, too', async ({ app, go }) => {
  await go('/catalog?sort=name&reach=all&view=cards');
  await expect(app.getByText(/^10,001 templates/)).toBeVisible();
  expect(await app.locator('.card').count()).toBeLessThan(4 * FEW);
  await scrollTo(app, 1e9);
  await expect(app.getByRole('link', { name: 'machine 10000', exact: true })).toBeVisible();
});

test('one’s own come first; public ones are a choice, and are offered where the search finds nothing else', async ({
  app,
  go,
}) => {
  await go('/catalog?sort=name');
  const table = app.getByRole('table');
  await expect(table).toHaveAttribute('aria-rowcount', String(COUNT - COUNT / 100 + 2));
  await app.getByText('Public', { exact: true }).first().click();
  await expect(table).toHaveAttribute('aria-rowcount', String(COUNT / 100 + 1));
  await expect(app).toHaveURL(/reach=public/);
  await go('/catalog?sort=name&q=00100');
  await app.getByRole('button', { name: 'Show 1 that is public' }).click();
  await expect(app.getByRole('link', { name: 'machine 00100' })).toBeVisible();
});

test('everything that columns show is searched, filtered and sorted', async ({ app, go }) => {
  await go('/catalog?sort=-name');
  await expect(rows(app).nth(1)).toContainText('machine 09999');
  await app.getByRole('searchbox').fill('windows 11 bo 0001');
  await expect(app.getByRole('link', { name: 'machine 00014', exact: true })).toBeVisible();
  await app.getByRole('searchbox').fill('');
  await app.getByRole('button', { name: 'Filter' }).click();
  await app.getByRole('menuitemcheckbox', { name: 'dee' }).click();
  await app.keyboard.press('Escape');
  await expect(app).toHaveURL(/owner=dee/);
  await expect(rows(app).nth(1)).toContainText('dee');
  await app.getByRole('columnheader', { name: 'Owner' }).getByRole('button').click();
  await expect(app.getByRole('columnheader', { name: 'Owner' })).toHaveAttribute('aria-sort', 'ascending');
});

test('columns are chosen and moved by keyboard and mouse, and stay so', async ({ app, go }) => {
  await app.setViewportSize({ width: 1600, height: 900 });
  await go('/catalog');
  await hasHeads(app, ['Name', 'System', 'Disk']);
  await app.getByRole('button', { name: 'Columns' }).click();
  await app.getByRole('checkbox', { name: 'System' }).uncheck();
  await app.getByRole('checkbox', { name: 'Id', exact: true }).check();
  await app.getByRole('button', { name: 'Move Owner forward' }).press('Enter');
  await app.keyboard.press('Enter');
  await app.keyboard.press('Escape');
  await hasHeads(app, ['Name', 'Disk', 'Owner', 'Stored']);
  await app.getByRole('columnheader', { name: 'Stored' }).getByRole('button').press('Alt+ArrowLeft');
  await hasHeads(app, ['Name', 'Disk', 'Stored', 'Owner']);
  await app.getByRole('columnheader', { name: 'Owner' }).dragTo(app.getByRole('columnheader', { name: 'Name' }));
  await hasHeads(app, ['Owner', 'Name', 'Disk']);
  await app.reload();
  await app.getByRole('table').waitFor();
  await hasHeads(app, ['Owner', 'Name', 'Disk']);
});

test('the row that has the focus keeps it, wherever the table is scrolled to', async ({ app, go }) => {
  await go('/catalog?sort=name');
  const links = app.getByRole('link', { name: /^machine / });
  await expect(links.first()).toBeVisible();
  const [first, second] = [await links.nth(0).innerText(), await links.nth(1).innerText()];
  await links.first().focus();
  await scrollTo(app, 60 * 5000);
  await expect(app.getByRole('link', { name: first, exact: true })).not.toBeInViewport();
  await expect(app.getByRole('link', { name: first, exact: true })).toBeFocused();
  await app.keyboard.press('ArrowDown');
  await expect(app.getByRole('link', { name: second, exact: true })).toBeInViewport();
  await expect(app.getByRole('link', { name: second, exact: true })).toBeFocused();
});

test('that templates are no backups is said until a person has read it', async ({ app, go }) => {
  await go('/catalog');
  const notice = app.getByText('Templates are not backups');
  await expect(notice).toBeVisible();
  await app.getByRole('button', { name: 'Understood' }).press('Enter');
  await expect(notice).toHaveCount(0);
  await app.reload();
  await app.getByRole('table').waitFor();
  await expect(notice).toHaveCount(0);
});

test('what was edited is told: which field, what it was, what it is', async ({ app, go }) => {
  await go('/catalog?q=00000');
  await app.getByRole('link', { name: 'machine 00000', exact: true }).click();
  await app.getByRole('button', { name: 'Edit' }).click();
  await app.getByLabel('Owner').fill('room 12');
  await app.getByLabel('Note').fill('kept for the lamp');
  await app.getByRole('button', { name: 'Save' }).click();
  await app.getByRole('tab', { name: 'History' }).click();
  await expect(app.getByText(/^Owner: .+ → room 12$/)).toBeVisible();
  await expect(app.getByText('Note: nothing → kept for the lamp')).toBeVisible();
});
