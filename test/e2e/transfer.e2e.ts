/** Images brought in and taken out by the pages, by drop, by keyboard and by mouse; qemu-img says whether the bytes are the same. */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import type { Page } from '@playwright/test';
import { makeExt4, makeFiles, run } from './disks.ts';
import { expect, test, type Served } from './fixtures.ts';
import { judge } from './judge.ts';
import type { Pages } from '../pages/index.ts';
import { untilDone } from './steps.ts';

test.describe.configure({ mode: 'serial' });

/** Drops files as Chromium does when a person lets go of them: with their content, without their place. */
async function drop(page: Page, paths: string[]) {
  const session = await page.context().newCDPSession(page);
  const at = { x: 600, y: 400, data: { items: [], files: paths, dragOperationsMask: 1 } };
  await session.send('Input.dispatchDragEvent', { ...at, type: 'dragEnter' });
  await session.send('Input.dispatchDragEvent', { ...at, type: 'dragOver' });
  await expect(page.getByText('Drop to import')).toBeVisible();
  await session.send('Input.dispatchDragEvent', { ...at, type: 'drop' });
  await session.detach();
}

/** The raw image of an ext4 file system, and the same disk as qcow2 by qemu-img. */
function images({ folder }: Served) {
  const raw = join(folder, 'payload.img');
  const qcow2 = join(folder, 'packed.qcow2');
  if (!existsSync(raw)) {
    makeExt4(raw, makeFiles(join(folder, 'files')));
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', '-c', raw, qcow2);
  }
  return { raw, qcow2 };
}

/** What was sent and lies in the catalog's folder. */
const sentFiles = ({ folder }: Served) => globSync(join(folder, 'catalog', 'uploads', '*', '*', '**', '*'));

test('a dropped file is sent, as the browser does not tell where it lies, or a person says where', async ({
  app,
  served,
  pages: { import: importing },
}) => {
  const { raw } = images(served);
  // the first piece waits until the page was looked at
  let goOn = () => {};
  const looked = new Promise<void>((resolve) => (goOn = resolve));
  await app.route('**/upload/**', (route) => looked.then(() => route.continue()), { times: 1 });
  await drop(app, [raw]);
  await expect(app).toHaveURL(/#\/import/);
  await expect(app.getByText('Drop to import')).toHaveCount(0);
  await expect(importing.queue.getByRole('listitem')).toHaveCount(1);
  await expect(app.getByRole('progressbar', { name: 'Sending payload.img' })).toBeVisible();
  await expect(importing.next).toBeDisabled();
  await judge(app, 'a dropped file');
  goOn();
  await expect(app.getByText('Sent by this browser')).toBeVisible();
  expect(sentFiles(served).map((path) => basename(path))).toEqual(['payload.img']);
  expect(readFileSync(sentFiles(served)[0]).equals(readFileSync(raw))).toBe(true);
  await importing.remove('payload.img').press('Enter');
  await expect.poll(() => sentFiles(served)).toEqual([]);

  await app.route('**/upload/**', () => {}, { times: 1 });
  await drop(app, [raw]);
  await app.getByRole('button', { name: 'Say where it lies' }).click();
  await expect(app.getByText('Where is payload.img?')).toBeVisible();
  await expect.poll(() => sentFiles(served)).toEqual([]);
  await importing.queue.getByRole('button', { name: 'Browse' }).click();
  const dialog = app.getByRole('dialog', { name: 'Choose an image file' });
  await expect(dialog.getByLabel('Filter this folder')).toHaveValue('payload.img');
  await dialog.getByLabel('Folder', { exact: true }).fill(served.folder);
  await dialog.getByLabel('Folder', { exact: true }).press('Enter');
  await dialog.getByRole('button', { name: 'payload.img' }).click();
  await expect(app.getByText('Where is payload.img?')).toHaveCount(0);
  await expect(app.getByText(raw, { exact: true })).toBeVisible();
});

test('a dropped folder is sent with the files in it, and a page that is left keeps nothing', async ({
  app,
  served,
  pages: { import: importing },
}) => {
  const clone = join(served.folder, 'machine');
  mkdirSync(join(clone, 'more'), { recursive: true });
  copyFileSync(images(served).qcow2, join(clone, 'disk.qcow2'));
  writeFileSync(join(clone, 'more', 'notes.txt'), 'what it was');
  await drop(app, [clone]);
  await expect(app.getByText('Sent by this browser')).toBeVisible();
  expect(
    sentFiles(served)
      .map((path) => basename(path))
      .sort(),
  ).toEqual(['disk.qcow2', 'machine', 'more', 'notes.txt']);
  await importing.remove('machine').press('Enter');
  await expect.poll(() => sentFiles(served)).toEqual([]);

  await app.route('**/upload/**/262144', () => {}, { times: 1 });
  await drop(app, [images(served).raw]);
  await expect.poll(() => sentFiles(served)).toHaveLength(1);
  await app.goto('about:blank');
  await expect.poll(() => sentFiles(served)).toEqual([]);
});

test('several files are a queue; what is there is not added twice, and what is not wanted leaves', async ({
  app,
  served,
  pages: { import: importing },
}) => {
  const { raw, qcow2 } = images(served);
  await drop(app, [raw, qcow2]);
  await expect(importing.queue.getByRole('listitem')).toHaveCount(2);
  await drop(app, [qcow2]);
  await expect(importing.queue.getByRole('listitem')).toHaveCount(2);
  await importing.remove('packed.qcow2').press('Enter');
  await expect(importing.queue.getByRole('listitem')).toHaveCount(1);
});

test('what is not there is told with its reason, and stays in the queue', async ({
  go,
  served,
  pages: { import: importing },
}) => {
  await go('/import');
  await importing.add(join(served.folder, 'missing.img'));
  await expect(importing.queue.getByRole('alert')).toBeVisible();
  await expect(importing.next).toBeDisabled();
  await expect(importing.path).toHaveValue('');
});

/** A raw disk that ends with the footer of a smaller fixed VHD: both formats have a claim to it. */
function makeTwoFormats({ folder }: Served, raw: string): string {
  const vhd = join(folder, 'small.vhd');
  run('qemu-img', 'create', '-q', '-f', 'vpc', '-o', 'subformat=fixed', vhd, '1M');
  const path = join(folder, 'two-formats.img');
  copyFileSync(raw, path);
  appendFileSync(path, readFileSync(vhd).subarray(-512));
  return path;
}

test('what may be two formats is asked about, and taken as what a person says', async ({
  app,
  go,
  served,
  pages: { import: importing },
}) => {
  const path = makeTwoFormats(served, images(served).raw);
  await go('/import');
  await importing.add(path);
  await expect(importing.queue.getByRole('alert')).toContainText('cannot be told for certain');
  await expect(importing.imageFormat).toBeVisible();
  await expect(importing.takeAs('vhd')).toBeVisible();
  await judge(app, 'two formats');
  await importing.takeAs('raw').click();
  await expect(importing.queue.getByRole('alert')).toHaveCount(0);
  await expect(importing.imageFormat).toContainText('Raw image');
  await expect(importing.next).toBeEnabled();
  await importing.remove('two-formats.img').click();
});

test('a raw image with nothing known on it is taken without a block once a person says so', async ({
  app,
  go,
  served,
  pages: { import: importing },
}) => {
  const path = join(served.folder, 'notes.img');
  writeFileSync(path, 'What another program keeps.\n'.repeat(40_000));
  await go('/import');
  await importing.add(path);
  await expect(app.getByText('Nothing was recognised on it')).toBeVisible();
  const { start } = importing;
  const seePlan = async () => {
    await importing.next.click();
    await importing.seePlan.click();
  };
  await seePlan();
  await expect(importing.anyway).toBeVisible();
  await expect(start).toBeDisabled();

  await app.getByRole('button', { name: 'Image', exact: true }).click();
  await importing.sayFormat('raw');
  await expect(importing.next).toBeEnabled();
  await importing.next.click();
  await importing.outside('leave').check({ force: true });
  await importing.seePlan.click();
  await expect(start).toBeEnabled();
  await expect(importing.anyway).toHaveCount(0);
  // the answer about data outside of all that is known can be given again where the account is seen
  await expect(importing.outside('leave')).toBeChecked();
  await app.getByText('Take it', { exact: true }).click();
  await expect(start).toBeEnabled();
  await app.getByRole('button', { name: 'Image', exact: true }).click();
  await importing.remove('notes.img').click();
});

async function importImage({ any, import: importing, page }: Pages, path: string, name: string) {
  await any.link('rail.home').click();
  await any.link('home.import').first().click();
  await importing.add(path);
  await expect(importing.next).toBeEnabled({ timeout: 20_000 });
  await judge(page, 'recognised');
  await importing.next.click();
  await importing.name.fill(name);
  await judge(page, 'the form of an import');
  await importing.seePlan.click();
  await expect(page.getByText(`Becomes the template “${name}”`)).toBeVisible();
  await importing.start.click();
  await expect(page).toHaveURL(/#\/jobs\/[\da-f-]{36}$/);
  await untilDone(page, /Imported/);
}

test('a raw image and a qcow2 are imported', async ({ app, pages, served }) => {
  const { raw, qcow2 } = images(served);
  await importImage(pages, raw, 'Raw payload');
  await importImage(pages, qcow2, 'Packed payload');
  await app.getByRole('link', { name: 'Catalog' }).click();
  await expect(app.getByRole('link', { name: 'Raw payload', exact: true })).toBeVisible();
  await expect(app.getByRole('link', { name: 'Packed payload', exact: true })).toBeVisible();
});

async function exportAs(
  { any, export: exporting, page, template }: Pages,
  format: string,
  folder: string,
  fileName: string,
) {
  await any.link('rail.catalog').click();
  const packed = page.getByRole('link', { name: 'Packed payload', exact: true });
  await expect(page.getByRole('heading', { name: 'Catalog' })).toBeVisible();
  await packed.click();
  await template.export.click();
  await exporting.chooseFormat(new RegExp(`^${format}`));
  await judge(page, 'formats');
  await exporting.sayFile(folder, fileName);
  await exporting.seePlan.click();
  await expect(page.getByText(`Becomes ${join(folder, fileName)}`)).toBeVisible();
}

for (const [format, fileName, qemuName] of [
  ['Raw image QEMU', 'out.img', 'raw'],
  ['qcow2, zstd', 'out.qcow2', 'qcow2'],
] as const) {
  test(`a template is exported: ${qemuName}`, async ({ app, pages, served }) => {
    const path = join(served.folder, fileName);
    rmSync(path, { force: true });
    await exportAs(pages, format, served.folder, fileName);
    await pages.export.start.click();
    await untilDone(app, /Exported/);
    if (qemuName === 'qcow2') run('qemu-img', 'check', path);
    run('qemu-img', 'compare', '-f', 'raw', '-F', qemuName, images(served).raw, path);
  });
}

test('a file that is there is overwritten only where that is said', async ({ app, pages, served }) => {
  const path = join(served.folder, 'taken.img');
  writeFileSync(path, 'something');
  await exportAs(pages, 'Raw image QEMU', served.folder, 'taken.img');
  const { overwrite, start } = pages.export;
  await expect(start).toBeDisabled();
  await overwrite.check();
  await start.click();
  await untilDone(app, /Exported/);
  run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', images(served).raw, path);
});
