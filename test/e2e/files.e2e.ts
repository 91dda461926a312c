/** Looking inside templates: by mouse and by keyboard, on file systems made by their own tools, and what is saved compared by diff. */
import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import type { Page } from '@playwright/test';
import { GPT, makeFiles, makeGptDisk, run } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';
import { captureFile, untilDone } from './steps.ts';

test.describe.configure({ mode: 'serial' });

const WIDTH = 48;
const HEIGHT = 32;
const MANY = 4_000;

/** A grey picture (PNG, third edition: 5.3 chunks, 11.2 IHDR). */
function makePicture(path: string) {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(WIDTH, 0);
  head.writeUInt32BE(HEIGHT, 4);
  head.set([8, 0, 0, 0, 0], 8);
  const rows = Buffer.alloc((WIDTH + 1) * HEIGHT, 0x90);
  for (let row = 0; row < HEIGHT; row++) rows[row * (WIDTH + 1)] = 0;
  const parts = [chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))];
  writeFileSync(path, Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]));
}

/** What the first version holds besides docs/été.txt, numbers.bin and version.txt. */
function fill(files: string) {
  makeFiles(files);
  makePicture(join(files, 'picture.png'));
  writeFileSync(join(files, 'page.html'), '<script>document.title = "taken"</script><b>not bold</b>');
  writeFileSync(join(files, 'old report.txt'), 'Last year.\n');
  run('ln', '-s', 'docs/été.txt', join(files, 'shortcut'));
  mkdirSync(join(files, 'many'));
  for (let i = 0; i < MANY; i++) writeFileSync(join(files, 'many', `run ${String(i).padStart(5, '0')}`), '');
}

async function openTemplate(page: Page) {
  await page.getByRole('link', { name: 'Catalog' }).click();
  await page.getByRole('link', { name: 'Station', exact: true }).click();
  await page.getByRole('tab', { name: 'Files' }).click();
}

test.beforeEach(({ app }) => app.setViewportSize({ width: 1500, height: 900 }));

test('a template opens like a folder: its volumes, and why one cannot be opened', async ({ app, served, pages }) => {
  const files = join(served.folder, 'files');
  fill(files);
  const disk = makeGptDisk(join(served.folder, 'station.img'), files);
  run('mcopy', '-i', `${disk}@@${GPT.espStart}`, join(files, 'version.txt'), '::Lies mich.txt');
  await captureFile(app, disk, 'Station');
  await untilDone(app, /Captured/);

  await openTemplate(app);
  const volumes = app.getByRole('list', { name: 'Volumes' });
  await expect(volumes.getByRole('listitem')).toHaveCount(3);
  await expect(volumes.getByRole('button', { name: 'lab-root' })).toBeVisible();
  await expect(volumes.getByRole('listitem').nth(2)).toContainText('Swap');
  await expect(volumes.getByRole('listitem').nth(2).getByRole('button')).toHaveCount(0);
  await judge(app, 'volumes');
  await volumes.getByRole('button', { name: 'lab-root' }).click();
  for (const name of ['docs', 'many', 'numbers.bin', 'picture.png', 'version.txt']) {
    await expect(pages.files.row(name)).toBeVisible();
  }
  await expect(pages.files.row('shortcut')).toContainText('docs/été.txt');
  await expect(pages.files.row('numbers.bin')).toContainText('300 kB');
  await expect(pages.files.row('docs')).toContainText('rwxr-xr-x');
  await judge(app, 'folder');
});

test('a file has a menu at the second mouse button', async ({ app, pages }) => {
  await openTemplate(app);
  await app.getByRole('button', { name: 'lab-root' }).click();
  await pages.files.row('docs').click({ button: 'right' });
  await app.getByRole('menuitem', { name: 'Copy its path' }).click();
  expect(await app.evaluate(() => navigator.clipboard.readText())).toBe('/docs');
  await pages.files.row('docs').click({ button: 'right' });
  await judge(app, 'menu of a file');
  await app.getByRole('menuitem', { name: 'Open' }).click();
  await expect(pages.files.row('été.txt')).toBeVisible();
});

test('text, pictures and bytes are previewed, and markup is text', async ({ app, pages }) => {
  await openTemplate(app);
  await app.getByRole('button', { name: 'lab-root' }).click();

  await pages.files.row('page.html').click();
  await expect(pages.files.preview('page.html')).toHaveText('<script>document.title = "taken"</script><b>not bold</b>');
  await expect(app).toHaveTitle(/^\S.* · Diskpress$/);

  await pages.files.row('picture.png').click();
  const picture = pages.files.aside.getByRole('img', { name: 'picture.png' });
  await expect(picture).toBeVisible();
  expect(await picture.evaluate((image: HTMLImageElement) => [image.naturalWidth, image.naturalHeight])).toEqual([
    WIDTH,
    HEIGHT,
  ]);

  await pages.files.row('numbers.bin').click();
  await expect(pages.files.preview('numbers.bin')).toContainText(/^0000 +00 8a 19 a3/);
  await expect(pages.files.aside.getByText('300 kB · 300,000 bytes')).toBeVisible();

  await pages.files.row('shortcut').dblclick();
  await expect(app).toHaveURL(/path=\/docs/);
  await expect(pages.files.preview('été.txt')).toContainText('What was captured is what is deployed.');
  await expect(pages.files.aside.getByText(/the first 65\.5\skB of 78\skB/)).toBeVisible();
  await judge(app, 'preview');
});

test('folders are walked by keyboard, and the way back is where one came from', async ({ app, pages }) => {
  await openTemplate(app);
  await app.getByRole('button', { name: 'lab-root' }).focus();
  await app.keyboard.press('Enter');
  await expect(pages.files.grid).toBeFocused();
  await app.keyboard.type('doc');
  await expect(pages.files.active).toContainText('docs');
  await app.keyboard.press('Enter');
  await expect(pages.files.active).toContainText('été.txt');
  await expect(pages.files.grid).toBeFocused();
  await app.keyboard.press('Backspace');
  await expect(pages.files.active).toContainText('docs');
  await app.goBack();
  await expect(pages.files.row('été.txt')).toBeVisible();
  await app.goBack();
  await expect(pages.files.active).toContainText('docs');

  await pages.files.grid.focus();
  await app.keyboard.press('/');
  await pages.files.typedPath.fill('many');
  await app.keyboard.press('Enter');
  await expect(pages.files.grid).toHaveAttribute('aria-rowcount', String(MANY + 1));
  await pages.files.grid.focus();
  await app.keyboard.press('End');
  await expect(pages.files.active).toContainText('run 03999');
  await expect(pages.files.active).toBeInViewport();
  expect(await pages.files.grid.getByRole('row').count()).toBeLessThan(80);

  await app.keyboard.press('/');
  await pages.files.typedPath.fill('/no/such/thing');
  await app.keyboard.press('Enter');
  await expect(app.getByText('Nothing is at this path')).toBeVisible();
});

test('what FAT holds is listed, without the rights that it does not know', async ({ app, pages }) => {
  await openTemplate(app);
  await app.getByRole('button', { name: 'EFI' }).click();
  await expect(pages.files.row('Lies mich.txt')).toBeVisible();
  await expect(pages.files.grid.getByRole('columnheader', { name: 'Mode' })).toHaveCount(0);
  await expect(pages.files.preview('Lies mich.txt')).toHaveText('first');
});

test('a folder is saved, and nothing that is there is overwritten', async ({ app, served, pages }) => {
  const saved = join(served.folder, 'saved');
  mkdirSync(saved);
  await openTemplate(app);
  await app.getByRole('button', { name: 'lab-root' }).click();
  const save = async () => {
    await pages.files.row('docs').getByText(':').first().click();
    await pages.files.aside.getByRole('button', { name: 'Save…' }).click();
    await app.getByRole('textbox', { name: 'Folder' }).fill(saved);
    await app.getByRole('textbox', { name: 'Folder' }).press('Enter');
    await expect(app.getByRole('dialog').getByText('This folder is empty').or(app.getByText('docs'))).not.toHaveCount(
      0,
    );
    await app.getByRole('button', { name: 'Save here' }).click();
  };
  await save();
  await expect(app.getByText(/^Saved: .* written\.$/).first()).toBeVisible();
  run('diff', '-r', join(served.folder, 'files', 'docs'), join(saved, 'docs'));
  const { mtimeMs } = statSync(join(saved, 'docs', 'été.txt'));
  await save();
  await expect(
    app
      .getByText(/docs/)
      .filter({ hasText: /already|exists/ })
      .first(),
  ).toBeVisible();
  expect(statSync(join(saved, 'docs', 'été.txt')).mtimeMs).toBe(mtimeMs);
});

test('two versions are compared, and a change leads to its file in the version that has it', async ({
  app,
  served,
  pages,
}) => {
  const files = join(served.folder, 'files');
  writeFileSync(join(files, 'docs', 'new note.txt'), 'Since then.\n');
  writeFileSync(join(files, 'numbers.bin'), 'other numbers');
  renameSync(join(files, 'old report.txt'), join(served.folder, 'gone.txt'));
  rmSync(join(served.folder, 'station.img'));
  const disk = makeGptDisk(join(served.folder, 'station.img'), files);
  await captureFile(app, disk, 'Station');
  await untilDone(app, /Captured/);

  await openTemplate(app);
  await app.getByRole('tab', { name: 'Overview' }).click();
  await app.getByRole('link', { name: 'What changed since Version 1' }).click();
  await expect(app.getByRole('heading', { level: 1, name: 'What changed' })).toBeVisible();
  const changes = app.getByRole('table', { name: 'Changes' });
  const change = (name: string) => changes.getByRole('row').filter({ hasText: name });
  await expect(change('new note.txt')).toContainText('Added');
  await expect(change('numbers.bin')).toContainText('300 kB → 13 B');
  await expect(change('old report.txt')).toContainText('Removed');
  await judge(app, 'compare');

  await app.getByRole('radio', { name: 'Removed' }).check({ force: true });
  await expect(changes.getByRole('row').filter({ has: app.getByRole('link') })).toHaveCount(2);
  await app.getByRole('searchbox', { name: 'Filter by path' }).fill('REPORT');
  await changes.getByRole('link', { name: 'old report.txt' }).click();
  await expect(app.getByRole('combobox', { name: 'Version' })).toContainText('Version 1');
  await expect(pages.files.preview('old report.txt')).toHaveText('Last year.');
});
