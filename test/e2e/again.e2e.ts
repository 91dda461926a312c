/** Ways on: a wizard that is loaded anew, a job that did not end well, a deploy that did. */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeExt4, makeFiles } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';
import { panel, untilDone } from './steps.ts';

test.describe.configure({ mode: 'serial' });

test('a reload keeps the place of a wizard; a cancelled job is tried again with the same choices', async ({
  app,
  served,
  pages,
  go,
}) => {
  const source = join(served.folder, 'large disk.img');
  const fd = openSync(source, 'w');
  for (let i = 0; i < 64; i++) writeSync(fd, randomBytes(8 * 1024 * 1024));
  closeSync(fd);
  await go('/capture');
  await pages.capture.chooseFile(`"${source}"`);
  await expect(pages.capture.imagePath).toHaveValue(source);
  await pages.capture.next.click();
  await app.getByRole('textbox', { name: 'Note' }).fill('chosen once');
  await app.reload();
  await expect(app.getByRole('textbox', { name: 'Note' })).toHaveValue('chosen once');
  await pages.capture.seePlan.click();
  await pages.capture.start.click();
  await expect(app).toHaveURL(/#\/jobs\//);
  await panel(app).getByRole('button', { name: 'Cancel' }).click();
  await app.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click();
  const again = panel(app).getByRole('link', { name: 'Try again' });
  await expect(again).toBeVisible({ timeout: 60_000 });
  await judge(app, 'cancelled');
  await again.click();
  await expect(pages.capture.imagePath).toHaveValue(source);
  await pages.capture.next.click();
  await expect(app.getByRole('textbox', { name: 'Note' })).toHaveValue('chosen once');
});

test('a deploy that is done goes to another disk', async ({ app, served, go }) => {
  const image = makeExt4(join(served.folder, 'small.img'), makeFiles(join(served.folder, 'files')));
  expect((await served.cli('capture', image, '--name', 'Small')).code).toBe(0);
  expect((await served.cli('deploy', 'Small', join(served.folder, 'one.img'))).code).toBe(0);
  await go('/jobs');
  await app
    .getByRole('link', { name: /Deploy “Small”/ })
    .first()
    .click();
  await panel(app).getByRole('link', { name: 'Deploy to another disk' }).click();
  await expect(app).toHaveURL(/#\/deploy\?.*step=target/);
  await go('/catalog');
  await app.getByRole('link', { name: 'Small', exact: true }).click();
  await app.getByRole('tab', { name: 'History' }).click();
  await expect(app.getByText(/\d\skB added/).first()).toBeVisible();
  await expect(app.getByText(/newBytes|templateId/)).toHaveCount(0);
});

test('the file picker knows places, makes a folder, and stays where it is on a slip', async ({ app, served, go }) => {
  await go('/catalog');
  await app.getByRole('link', { name: 'Small', exact: true }).click();
  await app.getByRole('link', { name: 'Export…' }).click();
  await app.getByRole('button', { name: 'Next' }).click();
  await app.getByRole('button', { name: 'Browse' }).click();
  const picker = app.getByRole('dialog');
  await expect(picker.getByRole('button', { name: 'Home folder' })).toBeVisible();
  const folder = picker.getByRole('textbox', { name: 'Folder', exact: true });
  await folder.fill(`file://${served.folder}`);
  await folder.press('Enter');
  await expect(picker.getByRole('button', { name: /^small\.img/ })).toBeVisible();
  await folder.fill(`${served.folder}/slip`);
  await folder.press('Enter');
  await expect(picker.getByRole('alert')).toBeVisible();
  await expect(picker.getByRole('button', { name: /^small\.img/ })).toBeVisible();
  await picker.getByRole('button', { name: 'New folder' }).click();
  await picker.getByLabel('Name of the new folder').fill('exports');
  await judge(app, 'file picker');
  await picker.getByRole('button', { name: 'Make it' }).click();
  await expect(folder).toHaveValue(`${served.folder}/exports`);
  await picker.getByRole('button', { name: 'Save here' }).click();
  await app.getByRole('button', { name: 'Browse' }).click();
  await expect(picker.getByRole('button', { name: `${served.folder}/exports` })).toBeVisible();
});

test('a reload keeps the queue of an import and the choices of an export; both are tried again with them', async ({
  app,
  served,
  pages,
  go,
}) => {
  const image = makeExt4(join(served.folder, 'reloaded.img'), makeFiles(join(served.folder, 'reloaded')));
  await go('/import');
  await pages.import.add(image);
  await pages.import.next.click();
  await app.getByRole('textbox', { name: 'Note' }).fill('said once');
  await app.reload();
  await expect(app.getByRole('textbox', { name: 'Note' })).toHaveValue('said once');
  await pages.import.seePlan.click();
  await pages.import.start.click();
  await untilDone(app, /Imported/);
  await panel(app).getByRole('link', { name: 'Open the template' }).click();
  await app.getByRole('link', { name: 'Export…' }).click();
  await pages.export.chooseFormat(/VHDX/);
  await pages.export.next.click();
  await app.getByLabel('File name').fill('kept.vhdx');
  await app.reload();
  await expect(app.getByLabel('File name')).toHaveValue('kept.vhdx');
});

test('space is reclaimed where that is asked for; jobs and files have a menu of their own', async ({ app, go }) => {
  await go('/catalog');
  await app.getByRole('link', { name: 'reloaded' }).click({ button: 'right' });
  await app.getByRole('menuitem', { name: 'Move to the bin' }).click();
  await go('/catalog?bin=1');
  await app.getByRole('button', { name: 'Reclaim space' }).click();
  await judge(app, 'reclaim');
  await app.getByRole('dialog').getByRole('button', { name: 'Empty the bin' }).click();
  await expect(app).toHaveURL(/#\/jobs\//);
  await untilDone(app, /reclaimed/);
  await app.getByRole('listitem').getByRole('link').first().click({ button: 'right' });
  await expect(app.getByRole('menuitem', { name: 'Open', exact: true })).toBeVisible();
  await app.keyboard.press('Escape');
});
