/** Images brought in and taken out by the pages, by drop, by keyboard and by mouse; qemu-img says whether the bytes are the same. */
import { appendFileSync, copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { makeExt4, makeFiles, run } from './disks.ts';
import { expect, test, type Served } from './fixtures.ts';
import { judge } from './judge.ts';
import { untilDone } from './steps.ts';

test.describe.configure({ mode: 'serial' });

const queue = (page: Page) => page.getByRole('list', { name: 'Waiting to be imported' });

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

async function add(page: Page, path: string) {
  await page.getByLabel('Add an image').fill(path);
  await page.getByLabel('Add an image').press('Tab');
}

test('a dropped file is asked for by name, as the browser does not tell where it lies', async ({ app, served }) => {
  const { raw } = images(served);
  await drop(app, [raw]);
  await expect(app).toHaveURL(/#\/import/);
  await expect(app.getByText('Drop to import')).toHaveCount(0);
  await expect(queue(app).getByRole('listitem')).toHaveCount(1);
  await expect(app.getByText('Where is payload.img?')).toBeVisible();
  await expect(app.getByRole('button', { name: 'Next' })).toBeDisabled();
  await judge(app, 'a dropped file');

  await queue(app).getByRole('button', { name: 'Browse' }).click();
  const dialog = app.getByRole('dialog', { name: 'Choose an image file' });
  await expect(dialog.getByLabel('Filter this folder')).toHaveValue('payload.img');
  await dialog.getByLabel('Folder', { exact: true }).fill(served.folder);
  await dialog.getByLabel('Folder', { exact: true }).press('Enter');
  await dialog.getByRole('button', { name: 'payload.img' }).click();
  await expect(app.getByText('Where is payload.img?')).toHaveCount(0);
  await expect(app.getByText(raw, { exact: true })).toBeVisible();
});

test('several files are a queue; what is there is not added twice, and what is not wanted leaves', async ({
  app,
  served,
}) => {
  const { raw, qcow2 } = images(served);
  await drop(app, [raw, qcow2]);
  await expect(queue(app).getByRole('listitem')).toHaveCount(2);
  await drop(app, [qcow2]);
  await expect(queue(app).getByRole('listitem')).toHaveCount(2);
  await app.getByRole('button', { name: 'Remove packed.qcow2 from the queue' }).press('Enter');
  await expect(queue(app).getByRole('listitem')).toHaveCount(1);
});

test('what is not there is told with its reason, and stays in the queue', async ({ app, go, served }) => {
  await go('/import');
  await add(app, join(served.folder, 'missing.img'));
  await expect(queue(app).getByRole('alert')).toBeVisible();
  await expect(app.getByRole('button', { name: 'Next' })).toBeDisabled();
  await expect(app.getByLabel('Add an image')).toHaveValue('');
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

test('what may be two formats is asked about, and taken as what a person says', async ({ app, go, served }) => {
  const path = makeTwoFormats(served, images(served).raw);
  await go('/import');
  await add(app, path);
  await expect(queue(app).getByRole('alert')).toContainText('cannot be told for certain');
  await expect(app.getByLabel('Format of the image')).toBeVisible();
  await expect(app.getByRole('button', { name: 'Take it as “VHD”' })).toBeVisible();
  await judge(app, 'two formats');
  await app.getByRole('button', { name: 'Take it as “Raw image”' }).click();
  await expect(queue(app).getByRole('alert')).toHaveCount(0);
  await expect(app.getByLabel('Format of the image')).toContainText('Raw image');
  await expect(app.getByRole('button', { name: 'Next' })).toBeEnabled();
  await app.getByRole('button', { name: 'Remove two-formats.img from the queue' }).click();
});

test('a raw image with nothing known on it is taken without a block once a person says so', async ({
  app,
  go,
  served,
}) => {
  const path = join(served.folder, 'notes.img');
  writeFileSync(path, 'What another program keeps.\n'.repeat(40_000));
  await go('/import');
  await add(app, path);
  await expect(app.getByText('Nothing was recognised on it')).toBeVisible();
  const start = app.getByRole('button', { name: 'Start the import' });
  const seePlan = async () => {
    await app.getByRole('button', { name: 'Next' }).click();
    await app.getByRole('button', { name: 'See the plan' }).click();
  };
  await seePlan();
  await expect(app.getByRole('checkbox', { name: 'Do it anyway' })).toBeVisible();
  await expect(start).toBeDisabled();

  await app.getByRole('button', { name: 'Image', exact: true }).click();
  await app.getByLabel('Format of the image').click();
  await app.getByRole('option', { name: 'Raw image' }).click();
  await expect(app.getByRole('button', { name: 'Next' })).toBeEnabled();
  await app.getByRole('button', { name: 'Next' }).click();
  await app.getByRole('radio', { name: 'Leave it out' }).check({ force: true });
  await app.getByRole('button', { name: 'See the plan' }).click();
  await expect(start).toBeEnabled();
  await expect(app.getByRole('checkbox', { name: 'Do it anyway' })).toHaveCount(0);
  // the answer about data outside of all that is known can be given again where the account is seen
  await expect(app.getByRole('radio', { name: 'Leave it out' })).toBeChecked();
  await app.getByText('Take it', { exact: true }).click();
  await expect(start).toBeEnabled();
  await app.getByRole('button', { name: 'Image', exact: true }).click();
  await app.getByRole('button', { name: 'Remove notes.img from the queue' }).click();
});

async function importImage(page: Page, path: string, name: string) {
  await page.getByRole('link', { name: 'Home' }).click();
  await page
    .getByRole('link', { name: /Import an image/ })
    .first()
    .click();
  await add(page, path);
  await expect(page.getByRole('button', { name: 'Next' })).toBeEnabled({ timeout: 20_000 });
  await judge(page, 'recognised');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await judge(page, 'the form of an import');
  await page.getByRole('button', { name: 'See the plan' }).click();
  await expect(page.getByText(`Becomes the template “${name}”`)).toBeVisible();
  await page.getByRole('button', { name: 'Start the import' }).click();
  await expect(page).toHaveURL(/#\/jobs\/[\da-f-]{36}$/);
  await untilDone(page, /Imported/);
}

test('a raw image and a qcow2 are imported', async ({ app, served }) => {
  const { raw, qcow2 } = images(served);
  await importImage(app, raw, 'Raw payload');
  await importImage(app, qcow2, 'Packed payload');
  await app.getByRole('link', { name: 'Catalog' }).click();
  await expect(app.getByRole('link', { name: 'Raw payload', exact: true })).toBeVisible();
  await expect(app.getByRole('link', { name: 'Packed payload', exact: true })).toBeVisible();
});

async function exportAs(page: Page, format: string, folder: string, fileName: string) {
  await page.getByRole('link', { name: 'Catalog' }).click();
  const template = page.getByRole('link', { name: 'Packed payload', exact: true });
  await expect(page.getByRole('heading', { name: 'Catalog' })).toBeVisible();
  await template.click();
  await page.getByRole('link', { name: 'Export…' }).click();
  await page.getByRole('radio', { name: new RegExp(`^${format}`) }).check();
  await judge(page, 'formats');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByLabel('Target folder').fill(folder);
  await page.getByLabel('File name').fill(fileName);
  await page.getByRole('button', { name: 'See the plan' }).click();
  await expect(page.getByText(`Becomes ${join(folder, fileName)}`)).toBeVisible();
}

for (const [format, fileName, qemuName] of [
  ['Raw image QEMU', 'out.img', 'raw'],
  ['qcow2, zstd', 'out.qcow2', 'qcow2'],
] as const) {
  test(`a template is exported: ${qemuName}`, async ({ app, served }) => {
    const path = join(served.folder, fileName);
    rmSync(path, { force: true });
    await exportAs(app, format, served.folder, fileName);
    await app.getByRole('button', { name: 'Start the export' }).click();
    await untilDone(app, /Exported/);
    if (qemuName === 'qcow2') run('qemu-img', 'check', path);
    run('qemu-img', 'compare', '-f', 'raw', '-F', qemuName, images(served).raw, path);
  });
}

test('a file that is there is overwritten only where that is said', async ({ app, served }) => {
  const path = join(served.folder, 'taken.img');
  writeFileSync(path, 'something');
  await exportAs(app, 'Raw image QEMU', served.folder, 'taken.img');
  const start = app.getByRole('button', { name: 'Start the export' });
  await expect(start).toBeDisabled();
  await app.getByLabel(/^Overwrite/).check();
  await start.click();
  await untilDone(app, /Exported/);
  run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', images(served).raw, path);
});
