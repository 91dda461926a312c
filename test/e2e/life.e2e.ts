/** The whole life of a template, by a person with a mouse, on images made by other people's tools and judged by them. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GPT, makeExt4, makeFiles, makeGptDisk, makeSlowImage, run } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { captureFile, panel, untilDone } from './steps.ts';

test.describe.configure({ mode: 'serial' });

const at = (folder: string, name: string) => join(folder, name);

test('an empty catalog says what a template is and offers the sample disk', async ({ app, pages }) => {
  await expect(app.getByText('The catalog is empty')).toBeVisible();
  await expect(app.getByText(/A template is a disk that was captured once/)).toBeVisible();
  await expect(app.getByRole('link', { name: /Deploy a template/ })).toHaveCount(0);
  if (existsSync(join(import.meta.dirname, '../../resources/sample-disk.img'))) {
    await app.getByRole('link', { name: 'Try it with the sample disk' }).click();
    await expect(pages.deploy.imagePath).toHaveValue(/sample-disk\.img$/);
    await expect(pages.deploy.next).toBeEnabled();
  }
});

test('a GPT disk is captured, and the plan says before what will happen', async ({ app, served, pages }) => {
  const disk = makeGptDisk(at(served.folder, 'lab.img'), makeFiles(at(served.folder, 'files')));
  const before = readFileSync(disk);
  await app.getByRole('link', { name: 'Capture a disk' }).click();
  await pages.capture.openFiles();

  await test.step('the file is chosen in the picker', async () => {
    await pages.capture.browse.click();
    await app.getByRole('textbox', { name: 'Folder' }).fill(served.folder);
    await app.getByRole('textbox', { name: 'Folder' }).press('Enter');
    await app
      .getByRole('dialog')
      .getByRole('button', { name: /lab\.img/ })
      .click();
    await expect(pages.capture.imagePath).toHaveValue(disk);
  });

  const plan = pages.capture.beside;
  await expect(plan.getByText(/Reads .* of 268\sMB\.\s+Writes nothing to this file\./)).toBeVisible();
  await expect(plan.getByRole('listitem')).toHaveCount(4);
  await expect(plan.getByRole('button', { name: /lab-root ext4 · 168\sMB/ })).toBeVisible();
  await expect(plan.getByRole('button', { name: /^Unallocated/ })).toBeVisible();

  await pages.capture.next.click();
  await pages.capture.name.fill('Lab image');
  await app.getByLabel('Note').fill('Compilers and course material.');
  await app.getByLabel('Tags').fill('classroom,');
  await pages.capture.seePlan.click();
  await expect(app.getByText('Becomes the template “Lab image”')).toBeVisible();
  await expect(app.getByText(/checks? passed/)).toBeVisible();
  await pages.capture.start.click();

  await untilDone(app, /Captured: .* read, .* added to the catalog\./);
  await expect(panel(app).getByText('Capturing', { exact: true })).toBeVisible();
  expect(readFileSync(disk).equals(before)).toBe(true);
});

test('the template page shows its partitions, versions, checks and history', async ({ app }) => {
  await app.getByRole('link', { name: 'Catalog' }).click();
  await app.getByRole('link', { name: 'Lab image' }).click();
  await expect(app.getByRole('heading', { level: 1, name: 'Lab image' })).toBeVisible();
  await expect(app.getByText('Compilers and course material.')).toBeVisible();

  const map = app.getByRole('list', { name: 'Lab image' });
  await map.getByRole('button').first().focus();
  await app.keyboard.press('ArrowRight');
  await expect(map.getByRole('button', { name: /lab-root/ })).toBeFocused();
  await expect(app.getByRole('tooltip')).toContainText('ext4');
  await app.keyboard.press('Escape');

  await app.getByRole('tab', { name: 'Disks' }).click();
  const rows = app.getByRole('table').first().locator('tbody tr:has(th)');
  await expect(rows).toHaveCount(3);
  await expect(rows.nth(0)).toContainText('FAT16');
  await expect(rows.nth(1)).toContainText('lab-root');
  await expect(rows.nth(2)).toContainText('Header only');
  await app.getByRole('tab', { name: 'Checks' }).click();
  await expect(app.getByText('The content of the swap space is left out.')).toBeVisible();
  await app.getByRole('tab', { name: 'History' }).click();
  await expect(app.getByText('Captured', { exact: true })).toBeVisible();
});

test('a template is deployed to a larger new file, and other tools find everything there', async ({
  app,
  served,
  pages,
}) => {
  const target = at(served.folder, 'room-2.img');
  await app.getByRole('link', { name: 'Home' }).click();
  await app.getByRole('link', { name: /Deploy a template/ }).click();
  await pages.deploy.chooseTemplate(/Lab image/);
  await pages.deploy.openFiles();
  await pages.deploy.imagePath.fill(target);
  await pages.deploy.type(pages.deploy.size, '400 MiB');
  await expect(app.getByText(`Creates ${target}, 419 MB.`)).toBeVisible();
  await pages.deploy.seeWholePlan();
  await expect(app.getByText(`New file ${target}, 419 MB`)).toBeVisible();
  await pages.deploy.start.click();
  await untilDone(app, /Deployed: .* written\./);
  await expect(
    panel(app)
      .getByText(/read back/)
      .first(),
  ).toBeVisible();

  expect(run('sgdisk', '-v', target)).toContain('No problems found');
  run('e2fsck', '-fn', `${target}?offset=${GPT.rootStart}`);
  const out = at(served.folder, 'out');
  mkdirSync(out);
  run('debugfs', '-R', `rdump / ${out}`, `${target}?offset=${GPT.rootStart}`);
  run('diff', '-r', '--exclude=lost+found', at(served.folder, 'files'), out);
  expect(run('mdir', '-i', `${target}@@${GPT.espStart}`, '-b', '-a', '::').trim()).toBe('');
});

test('an existing file is overwritten only after saying so, and every byte is the same', async ({
  app,
  served,
  go,
  pages,
}) => {
  const source = makeExt4(at(served.folder, 'payload.img'), at(served.folder, 'files'));
  const target = at(served.folder, 'old.img');
  writeFileSync(target, Buffer.alloc(64 * 2 ** 20, 0xff));
  await captureFile(app, source, 'Payload');
  await untilDone(app, /Captured/);

  await go('/deploy');
  await pages.deploy.chooseTemplate(/Payload/);
  await pages.deploy.chooseFile(target);
  await pages.deploy.seeWholePlan();
  const erase = pages.deploy.erase;
  await expect(app.getByText(/Overwrites the file old\.img/).first()).toBeVisible();
  await expect(erase).toBeDisabled();
  await pages.deploy.overwrite.check();
  await erase.click();
  await untilDone(app, /Deployed/);

  run('e2fsck', '-fn', target);
  const cloneOf = (path: string) => {
    const clone = `${path}.pcl`;
    run('partclone.ext4', '-c', '-F', '-q', '-s', path, '-o', clone, '-L', `${path}.log`);
    return run('sha256sum', clone).split(' ')[0];
  };
  expect(cloneOf(target)).toBe(cloneOf(source));
});

test('name, note and tags are edited; a name that is taken is refused in its place', async ({ app, pages }) => {
  await app.getByRole('link', { name: 'Catalog' }).click();
  await app.getByRole('link', { name: 'Payload' }).click();
  await pages.template.edit.click();
  const form = pages.template.editPanel;
  await form.getByRole('textbox', { name: 'Name' }).fill('Lab image');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(form.getByText('Another template is called “Lab image”.')).toBeVisible();
  await form.getByRole('textbox', { name: 'Name' }).fill('Payload, edited');
  await form.getByLabel('Status').click();
  await app.getByRole('option', { name: /Deprecated/ }).click();
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(app.getByRole('heading', { level: 1, name: 'Payload, edited' })).toBeVisible();
  await expect(app.getByText('Only active templates may be deployed.')).toBeVisible();
  await expect(app.getByRole('button', { name: 'Deploy' })).toBeDisabled();
});

test('a second capture under the same name becomes a version, and says what it added', async ({ app, served }) => {
  const disk = makeGptDisk(at(served.folder, 'lab-again.img'), at(served.folder, 'files'), 'second');
  await captureFile(app, disk, 'Lab image');
  await untilDone(app, /Captured/);
  await panel(app).getByRole('link', { name: 'Open the template' }).click();
  await expect(app.getByRole('link', { name: 'Version 2', exact: true })).toHaveAttribute('aria-current', 'true');
  await app.getByRole('link', { name: 'Version 1', exact: true }).click();
  await expect(app).toHaveURL(/version=1/);
  await expect(app.getByRole('combobox', { name: 'Version' })).toContainText('Version 1');
});

test('a version and a template go to the bin and come back', async ({ app }) => {
  await app.getByRole('link', { name: 'Catalog' }).click();
  await app.getByRole('link', { name: 'Lab image' }).click();
  await app.getByRole('button', { name: 'Delete version 1' }).click();
  await expect(app.getByRole('link', { name: 'Version 1', exact: true })).toHaveCount(0);
  await app.getByRole('button', { name: 'Undo' }).click();
  await expect(app.getByRole('link', { name: 'Version 1', exact: true })).toBeVisible();

  await app.getByRole('button', { name: 'More' }).click();
  await app.getByRole('menuitem', { name: 'Move to the bin' }).click();
  await expect(app.getByText('“Lab image” moved to the bin.')).toBeVisible();
  await expect(app.getByRole('link', { name: 'Lab image' })).toHaveCount(0);
  await app.getByRole('button', { name: /Bin \(1\)/ }).click();
  await app.getByRole('checkbox', { name: 'Select Lab image' }).check();
  await app.getByRole('button', { name: 'Put back' }).click();
  await app.getByRole('button', { name: /^Bin/ }).click();
  await expect(app.getByRole('link', { name: 'Lab image' })).toBeVisible();
});

test('the catalog is searched, filtered by its address, and kept in it', async ({ app, go }) => {
  await go('/catalog');
  await expect(app.getByRole('link', { name: 'Payload, edited' })).toBeVisible();
  await app.keyboard.press('/');
  await expect(app.getByRole('searchbox').first()).toBeFocused();
  await app.keyboard.type('course');
  await expect(app.getByRole('link', { name: 'Payload, edited' })).toHaveCount(0);
  await expect(app.getByRole('link', { name: 'Lab image' })).toBeVisible();
  await expect(app).toHaveURL(/q=course/);
  await go('/catalog?status=deprecated');
  await expect(app.getByRole('link', { name: 'Payload, edited' })).toBeVisible();
  await expect(app.getByRole('link', { name: 'Lab image' })).toHaveCount(0);
  await app.getByRole('button', { name: 'Remove the filter Deprecated' }).click();
  await expect(app.getByRole('link', { name: 'Lab image' })).toBeVisible();
});

test('several are tagged and verified at once', async ({ app, go }) => {
  await go('/catalog');
  await app.getByRole('checkbox', { name: 'Select all' }).check();
  await app.getByRole('button', { name: 'Add tags' }).click();
  await app.getByRole('dialog').getByLabel('Tags').fill('kept');
  await app.getByRole('dialog').getByLabel('Tags').press('Enter');
  await app.getByRole('dialog').getByRole('button', { name: 'Add tags' }).click();
  await expect(app.getByRole('cell').getByText('kept', { exact: true })).toHaveCount(2);
  await app.getByRole('checkbox', { name: 'Select all' }).check();
  await app.getByRole('toolbar').getByRole('button', { name: 'Verify' }).click();
  await go('/jobs');
  await expect(app.getByText(/^Whole: .* every block is as it was captured\.$/)).toHaveCount(2, { timeout: 60_000 });
});

test('a running job shows its pace, never goes back, and is cancelled without a trace', async ({ app, served }) => {
  const image = await makeSlowImage(at(served.folder, 'slow.img'));
  await captureFile(app, image, 'Never finished', 12);
  const share = panel(app).locator('.share');
  await expect(share).toHaveText(/^[1-9]\d?%$/, { timeout: 60_000 });
  await expect(panel(app).getByText(/MB\/s/)).toBeVisible();
  await expect(app.getByRole('link', { name: /Jobs/ })).toContainText(/1 running, \d+%/);
  let last = 0;
  for (let i = 0; i < 8; i++) {
    const now = Number((await share.textContent())?.replace('%', ''));
    expect(now).toBeGreaterThanOrEqual(last);
    last = now;
    await app.waitForTimeout(150);
  }
  await panel(app).getByRole('button', { name: 'Cancel' }).click();
  await app.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click();
  await expect(panel(app).getByText('Nothing was added to the catalog. The source was only read.')).toBeVisible({
    timeout: 30_000,
  });
  await app.getByRole('link', { name: 'Catalog' }).click();
  await expect(app.getByRole('link', { name: 'Lab image' })).toBeVisible();
  await expect(app.getByRole('link', { name: 'Never finished' })).toHaveCount(0);
});

test('what cannot be captured says what happened, what that means and what to do', async ({
  app,
  served,
  go,
  pages,
}) => {
  await go('/capture');
  await pages.capture.chooseFile(at(served.folder, 'not-there.img'));
  const error = app.getByRole('alert');
  await expect(error).toContainText('There is no disk and no image file at');
  await expect(error).toContainText('Nothing was changed.');
  await expect(error).toContainText('Check the path');
  await expect(pages.capture.next).toBeDisabled();
});

test('damage in the store is found by a verification, and stands on the first page', async ({ app, served, go }) => {
  const packs = execFileSync(
    'find',
    [at(served.folder, 'catalog'), '-type', 'f', '-size', '+100k', '-path', '*pack*'],
    { encoding: 'utf8' },
  );
  const [pack] = packs.split('\n').filter(Boolean);
  const bytes = readFileSync(pack);
  bytes[Math.floor(bytes.length / 2)] ^= 0x40;
  writeFileSync(pack, bytes);
  await go('/settings');
  await app.getByRole('button', { name: 'Verify all' }).click();
  await expect(panel(app).getByText(/^Damage was found in/)).toBeVisible({ timeout: 60_000 });
  await app.getByRole('link', { name: 'Home' }).click();
  await expect(app.getByText('A version of this template is damaged.').first()).toBeVisible();
});
