/** What the rules of a kind say, in the wizards and on the template page: told before anything is done, with a way out. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { serverProfile } from '../support/profiles.ts';
import { makeExt4, makeFiles } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';
import { untilDone } from './steps.ts';

test.describe.configure({ mode: 'serial' });

const rules = (page: Page) => page.getByRole('region', { name: 'Rules' });

/** A CentOS 7, past its end of life: the files by which it is told. */
function makeCentos(folder: string): string {
  const files = makeFiles(join(folder, 'files'));
  for (const name of ['etc', 'boot']) mkdirSync(join(files, name));
  writeFileSync(join(files, 'etc/redhat-release'), 'CentOS Linux release 7.6.1810 (Core)\n');
  writeFileSync(join(files, 'boot/vmlinuz-3.10.0-957.el7.x86_64'), '');
  return makeExt4(join(folder, 'centos.img'), files);
}

/** As with the keyboard alone: opens a select and types the beginning of what is meant. */
async function choose(select: Locator, words: string) {
  await select.press('Enter');
  await select.page().getByRole('option', { name: words }).waitFor();
  await select.page().keyboard.type(words);
  await expect(select.page().getByRole('option', { name: words })).toBeFocused();
  await select.page().keyboard.press('Enter');
  await expect(select).toContainText(words);
}

/** The file that a menu item saves. */
async function saved(page: Page, item: string) {
  await rules(page).getByRole('button', { name: 'Save' }).press('Enter');
  const download = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: item }).press('Enter');
  const file = await download;
  return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
}

test('a kind that does not take a source says why, and which kind would', async ({ app, served, go }) => {
  const image = makeCentos(served.folder);
  await go(`/capture?source=${encodeURIComponent(image)}&name=CentOS`);
  await expect(app.getByText('CentOS Linux release 7.6.1810 (Core)')).toBeVisible();
  await app.getByRole('button', { name: 'Next' }).click();
  await choose(app.getByLabel('Kind'), 'Bare metal');
  await app.getByRole('button', { name: 'See the plan' }).click();

  await expect(app.getByText('This cannot be done yet')).toBeVisible();
  const block = rules(app).getByRole('listitem').filter({ hasText: 'Platform of the source' });
  await expect(block).toContainText('virtual');
  await expect(block).toContainText('A bare-metal template is made of a physical machine.');
  await expect(block).toContainText('Choose the kind standard, flex or lab.');
  await expect(block).toContainText(image);
  await expect(block).toContainText(/bare-metal@\w+ .*2020/);
  await expect(app.getByRole('button', { name: 'Start the capture' })).toBeDisabled();
  await judge(app, 'a blocked capture');

  await rules(app).getByRole('button', { name: 'Use Standard' }).press('Enter');
  await expect(app.getByText('This cannot be done yet')).toHaveCount(0);
  await expect(app.getByLabel('Kind')).toContainText('Standard');
  await app.getByRole('button', { name: 'Start the capture' }).click();
  await untilDone(app, /Captured/);
});

test('a template tells what its rules would say for a machine, and the report is saved', async ({
  app,
  served,
  go,
}) => {
  const profile = join(served.folder, 'bench.json');
  writeFileSync(profile, JSON.stringify(serverProfile({ name: 'bench 7' })));
  expect((await served.cli('machine', 'import', profile)).code).toBe(0);
  await go('/catalog');
  await app.getByRole('link', { name: 'CentOS' }).first().click();
  await app.getByRole('tab', { name: 'Rules' }).click();

  const unknown = rules(app).getByRole('button', { name: /could not be checked/ });
  await expect(unknown).toHaveAttribute('aria-expanded', 'false');
  await unknown.press('Enter');
  await expect(rules(app).getByRole('listitem').filter({ hasText: 'Platform of the target' })).toContainText('unknown');
  await judge(app, 'the rules of a template');

  await choose(app.getByLabel('Kind'), 'Bare metal');
  await choose(app.getByLabel('Policy'), 'Bare-metal custom image template (2020)');
  await rules(app).getByRole('button', { name: 'Name the machine it is for' }).press('Enter');
  await expect(app.getByLabel('Machine')).toBeFocused();
  await choose(app.getByLabel('Machine'), 'bench 7');
  await expect(rules(app).getByRole('button', { name: 'Name the machine it is for' })).toHaveCount(0);
  await choose(app.getByLabel('Kind'), 'Standard');
  const block = rules(app).getByRole('listitem').filter({ hasText: 'Platform of the target' });
  await expect(block).toContainText('physical');
  await expect(block).toContainText('A standard template is not compatible with bare metal.');
  await expect(rules(app).getByRole('checkbox')).toHaveCount(0);

  const html = await saved(app, 'As HTML');
  expect(html.name).toMatch(/^report-CentOS.*\.html$/);
  expect(html.bytes.toString()).toContain('A standard template is not compatible with bare metal.');
  const pdf = await saved(app, 'As PDF');
  expect(pdf.name).toMatch(/^report-CentOS.*\.pdf$/);
  expect(pdf.bytes.subarray(0, 5).toString()).toBe('%PDF-');

  await app.getByRole('tab', { name: 'Configuration' }).click();
  await expect(app.getByText('CentOS Linux release 7.6.1810 (Core)').first()).toBeVisible();
  await expect(app.getByText(/etc\/redhat-release/).first()).toBeVisible();
  await judge(app, 'what is installed');
});

test('a system past its end of life is deployed only by who takes it upon themselves', async ({ app, served, go }) => {
  await go('/catalog');
  await app.getByRole('link', { name: 'CentOS' }).first().click();
  await app.getByRole('link', { name: 'Deploy' }).click();
  await app.getByText('Image file', { exact: true }).click();
  await app.getByLabel('Path of the image file').fill(join(served.folder, 'deployed.img'));
  await app.getByLabel('Path of the image file').blur();
  await app.getByRole('button', { name: 'See the plan' }).click();

  const start = app.getByRole('button', { name: 'Write the image file' });
  await expect(start).toBeDisabled();
  const past = rules(app).getByRole('listitem').filter({ hasText: 'past its end of life' });
  const take = past.getByRole('checkbox', { name: 'Take it upon me' });
  await take.press('Space');
  await expect(start).toBeEnabled();
  await expect(take).toBeChecked();
  await expect(take).toBeFocused();
  await app.keyboard.press('Space');
  await expect(app.getByText('This cannot be done yet')).toBeVisible();
  await expect(start).toBeDisabled();
  await expect(take).toBeFocused();
  await app.keyboard.press('Space');
  await expect(start).toBeEnabled();
  await start.click();
  await untilDone(app, /Deployed/);
  const { lines } = await served.cli('log');
  expect(JSON.stringify(lines)).toContain('end-of-life');
});
