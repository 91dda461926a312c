/** Machines and policies: profiles of machines that are elsewhere, and a lab's own rules, against the real engine. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { serverProfile } from '../support/profiles.ts';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';

test.describe.configure({ mode: 'serial' });

const parts = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
const listed = (page: Page, name: string) => parts(page, name).getByText('Listed', { exact: true });

async function choose(select: Locator, option: string) {
  await select.press('Enter');
  await select.page().getByRole('option', { name: option }).click();
}

test('a profile is typed in, and is there after a reload', async ({ app, go, pages }) => {
  await go('/machines');
  const here = app.getByRole('region', { name: 'This machine' });
  await expect(here.getByRole('link')).toBeVisible();
  await expect(app.getByText('No profiles saved')).toBeVisible();
  await judge(app, 'no machines');

  await app.getByRole('link', { name: 'Type in a profile' }).press('Enter');
  await app.getByRole('button', { name: 'Save the profile' }).click();
  const name = app.getByRole('textbox', { name: 'Name of the profile' });
  await expect(name).toBeFocused();
  await expect(app.getByText('A profile needs a name.')).toBeVisible();
  await name.fill('bench 7');
  await app.getByRole('group', { name: 'Firmware' }).getByText('UEFI').click();
  await app.getByLabel('Maker', { exact: true }).fill('Supermicro');
  await app.getByLabel('Board', { exact: true }).fill('X11SSH-F');
  await app.getByLabel('Memory').fill('32 GiB');

  await listed(app, 'Drives').click();
  await parts(app, 'Drives').getByRole('button', { name: 'Add a drive' }).press('Enter');
  const second = parts(app, 'Drives').getByRole('group', { name: 'Drive 2' });
  await expect(second.getByLabel('Model')).toBeFocused();
  await second.getByRole('button', { name: 'Remove: Drive 2' }).press('Enter');
  await expect(second).toHaveCount(0);
  const drive = parts(app, 'Drives').getByRole('group', { name: 'Drive 1' });
  await drive.getByLabel('Model').fill('Seagate Exos 7E8');
  await drive.getByLabel('Size').fill('much');
  await app.getByRole('button', { name: 'Save the profile' }).click();
  await expect(drive.getByLabel('Size')).toBeFocused();
  await drive.getByLabel('Size').fill('2 TB');
  await listed(app, 'RAID').click();
  await choose(parts(app, 'RAID').getByLabel('Level'), 'RAID 5');
  await judge(app, 'a profile, typed in');
  await app.getByRole('button', { name: 'Save the profile' }).click();

  await expect(pages.machines.opened('bench 7')).toContainText('Seagate Exos 7E8');
  await app.reload();
  await expect(pages.machines.opened('bench 7')).toContainText('X11SSH-F');
  await expect(pages.machines.opened('bench 7')).toContainText('RAID 5');
  await expect(pages.machines.opened('bench 7').getByText('32 GiB')).toBeVisible();
  await expect(pages.machines.opened('bench 7').getByRole('term').filter({ hasText: 'TPM' })).toBeVisible();
  await expect(pages.machines.opened('bench 7').getByText(/facts are unknown/)).toBeVisible();
  await judge(app, 'a machine, opened');
});

test('a profile leaves as a file, is deleted, and comes back', async ({ app, served, go, pages }) => {
  await go('/machines?machine=bench 7');
  const download = app.waitForEvent('download');
  await pages.machines.opened('bench 7').getByRole('button', { name: 'Download' }).press('Enter');
  const file = await download;
  expect(file.suggestedFilename()).toBe('bench-7.json');
  const profile = JSON.parse(readFileSync(await file.path(), 'utf8')) as Record<string, unknown>;
  expect(profile).toMatchObject({ name: 'bench 7', firmware: 'uefi', hasTpm: null, memoryBytes: 32 * 2 ** 30 });

  await pages.machines.opened('bench 7').getByRole('button', { name: 'Delete the profile' }).press('Enter');
  await expect(app.getByRole('link', { name: 'bench 7' })).toHaveCount(0);
  expect((await served.cli('machine', 'show', 'bench 7')).code).not.toBe(0);
  await app.getByRole('button', { name: 'Undo' }).press('Enter');
  await expect(app.getByRole('link', { name: 'bench 7' })).toBeVisible();
  expect((await served.cli('machine', 'show', 'bench 7')).code).toBe(0);
});

test('a file is read in the page or by the engine, and never replaces a profile unasked', async ({
  app,
  served,
  go,
  pages,
}) => {
  const bench = join(served.folder, 'bench.json');
  writeFileSync(bench, JSON.stringify(serverProfile({ name: 'bench 7', product: 'of a file' })));
  const broken = join(served.folder, 'broken.json');
  writeFileSync(broken, JSON.stringify({ ...serverProfile(), cores: 'eight' }));
  await go('/machines');
  await app.getByRole('link', { name: 'Import a profile' }).press('Enter');
  const panel = pages.machines.opened('Import a profile');

  const chooser = app.waitForEvent('filechooser');
  await panel.getByRole('button', { name: 'Choose a file' }).press('Enter');
  await (await chooser).setFiles(broken);
  await expect(panel.getByRole('alert')).toContainText('This is no profile of a machine');
  await expect(panel.getByRole('alert')).toContainText('cores');
  await judge(app, 'a profile that is none');

  await panel.getByLabel('Or the path of a file').fill(bench);
  await panel.getByLabel('Or the path of a file').blur();
  await expect(panel).toContainText('of a file');
  await panel.getByRole('button', { name: 'Save the profile' }).press('Enter');
  await expect(panel.getByText('There is a profile “bench 7” already')).toBeVisible();
  await panel.getByRole('button', { name: 'Replace it' }).press('Enter');
  await expect(pages.machines.opened('bench 7')).toContainText('of a file');
});

test('the second of two who edit a profile is shown what the first has written, and loses nothing', async ({
  app,
  served,
  go,
  context,
}) => {
  const file = join(served.folder, 'two.json');
  writeFileSync(file, JSON.stringify(serverProfile({ name: 'two people' })));
  expect((await served.cli('machine', 'import', file)).code).toBe(0);
  const maker = (page: Page) => page.getByLabel('Maker', { exact: true });
  const save = (page: Page) => page.getByRole('button', { name: 'Save the profile' });
  await go('/machines/form?edit=two people');
  await maker(app).fill('mine');
  const other = await context.newPage();
  await other.goto(app.url());
  await maker(other).fill('theirs');
  await save(other).click();
  await expect(other.getByRole('heading', { level: 1, name: 'Machines' })).toBeVisible();

  await save(app).click();
  const told = app.getByRole('alert').filter({ hasText: 'was changed by somebody else meanwhile' });
  await expect(told).toContainText('theirs');
  await expect(maker(app)).toHaveValue('mine');
  await judge(app, 'two people edit a profile');
  await told.getByRole('button', { name: 'Take what is there' }).click();
  await expect(maker(app)).toHaveValue('theirs');
  await expect(told).toHaveCount(0);
  await maker(app).fill('both');
  await save(app).click();
  await expect(app.getByRole('complementary', { name: 'two people' })).toContainText('both');
  await other.close();
});

test('a lab’s own policy file with an error is shown with its line; once mended, its rules are explained', async ({
  app,
  served,
  go,
}) => {
  const folder = join(served.folder, 'catalog/policies');
  const path = join(folder, 'classroom-7.yaml');
  mkdirSync(folder, { recursive: true });
  await go('/settings');
  await app.getByRole('link', { name: 'Open the policies' }).press('Enter');
  await expect(app.getByText(folder, { exact: true })).toBeVisible();
  await app.getByRole('button', { name: 'A short example' }).press('Enter');
  const download = app.waitForEvent('download');
  await app.getByRole('button', { name: 'Download the example' }).press('Enter');
  const example = readFileSync(await (await download).path(), 'utf8');

  const wrong = example.replace('severity: block', 'severity: forbid');
  writeFileSync(path, wrong);
  const line = wrong.split('\n').findIndex((one) => one.includes('forbid')) + 1;
  await app.getByRole('button', { name: 'Look again' }).press('Enter');
  await expect(app.getByText('A policy file has an error')).toBeVisible();
  await expect(app.getByText(new RegExp(`^Line ${line}: rules\\.0\\.severity`))).toBeVisible();
  await expect(app.getByText(path)).toBeVisible();
  await judge(app, 'policies');

  writeFileSync(path, example);
  await app.getByRole('button', { name: 'Look again' }).press('Enter');
  await expect(app.getByText('A policy file has an error')).toHaveCount(0);
  await app.getByRole('link', { name: 'Classroom 7' }).press('Enter');
  const rule = app.getByRole('article', { name: 'classroom-7.small-disks' });
  await expect(rule).toContainText('Forbids');
  await expect(rule).toContainText('Largest disk: at most 256 GB');
  await expect(rule).toContainText('The machines in this room have disks of 256 GB.');
  await expect(rule).toContainText('Capture from one of the machines in this room.');
  await expect(rule).toContainText('Notes of the lab');
  await judge(app, 'a policy');

  await go('/policies/bare-metal-2020');
  const match = app.getByRole('article', { name: 'bm2020.firmware-match' });
  await match.getByRole('link', { name: 'bm2020.no-uefi' }).press('Enter');
  await expect(app.getByRole('article', { name: 'bm2020.no-uefi' })).toBeFocused();
});
