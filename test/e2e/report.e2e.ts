/** What the rules of a kind say, in the wizards and on the template page: told before anything is done, with a way out. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator } from '@playwright/test';
import { serverProfile } from '../support/profiles.ts';
import { makeExt4, makeFiles } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';
import { untilDone } from './steps.ts';
import type { Pages } from '../pages/index.ts';

test.describe.configure({ mode: 'serial' });

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
async function saved({ page, rules }: Pages, item: string) {
  await rules.save.press('Enter');
  const download = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: item }).press('Enter');
  const file = await download;
  return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
}

test('a kind that does not take a source says why, and which kind would', async ({ app, served, go, pages }) => {
  const image = makeCentos(served.folder);
  await go(`/capture?source=${encodeURIComponent(image)}&name=CentOS`);
  await expect(app.getByText('CentOS Linux release 7.6.1810 (Core)')).toBeVisible();
  await pages.capture.next.click();
  await choose(pages.rules.kind, 'Bare metal');
  await pages.capture.seePlan.click();

  await expect(pages.capture.blocked).toBeVisible();
  const block = pages.rules.line('Platform of the source');
  await expect(block).toContainText('virtual');
  await expect(block).toContainText('A bare-metal template is made of a physical machine.');
  await expect(block).toContainText('Choose the kind standard, flex or lab.');
  await expect(block).toContainText(image);
  await expect(block).toContainText(/bare-metal@\w+ .*2020/);
  await expect(pages.capture.start).toBeDisabled();
  await judge(app, 'a blocked capture');

  await pages.rules.section.getByRole('button', { name: 'Use Standard' }).press('Enter');
  await expect(pages.capture.blocked).toHaveCount(0);
  await expect(pages.rules.kind).toContainText('Standard');
  await pages.capture.start.click();
  await untilDone(app, /Captured/);
});

test('a template tells what its rules would say for a machine, and the report is saved', async ({
  app,
  served,
  go,
  pages,
}) => {
  const profile = join(served.folder, 'bench.json');
  writeFileSync(profile, JSON.stringify(serverProfile({ name: 'bench 7' })));
  expect((await served.cli('machine', 'import', profile)).code).toBe(0);
  await go('/catalog');
  await app.getByRole('link', { name: 'CentOS' }).first().click();
  await app.getByRole('tab', { name: 'Rules' }).click();

  const unknown = pages.rules.section.getByRole('button', { name: /could not be checked/ });
  await expect(unknown).toHaveAttribute('aria-expanded', 'false');
  await unknown.press('Enter');
  await expect(pages.rules.line('Platform of the target')).toContainText('unknown');
  await judge(app, 'the rules of a template');

  await choose(pages.rules.kind, 'Bare metal');
  await choose(pages.rules.policy, 'Bare-metal custom image template (2020)');
  await pages.rules.section.getByRole('button', { name: 'Name the machine it is for' }).press('Enter');
  await expect(pages.rules.machine).toBeFocused();
  await choose(pages.rules.machine, 'bench 7');
  await expect(pages.rules.section.getByRole('button', { name: 'Name the machine it is for' })).toHaveCount(0);
  await choose(pages.rules.kind, 'Standard');
  const block = pages.rules.line('Platform of the target');
  await expect(block).toContainText('physical');
  await expect(block).toContainText('A standard template is not compatible with bare metal.');
  await expect(pages.rules.section.getByRole('checkbox')).toHaveCount(0);

  const html = await saved(pages, 'As HTML');
  expect(html.name).toMatch(/^report-CentOS.*\.html$/);
  expect(html.bytes.toString()).toContain('A standard template is not compatible with bare metal.');
  const pdf = await saved(pages, 'As PDF');
  expect(pdf.name).toMatch(/^report-CentOS.*\.pdf$/);
  expect(pdf.bytes.subarray(0, 5).toString()).toBe('%PDF-');

  await app.getByRole('tab', { name: 'Configuration' }).click();
  await expect(app.getByText('CentOS Linux release 7.6.1810 (Core)').first()).toBeVisible();
  await expect(app.getByText(/etc\/redhat-release/).first()).toBeVisible();
  await judge(app, 'what is installed');
});

test('a system past its end of life is deployed only by who takes it upon themselves', async ({
  app,
  served,
  go,
  pages,
}) => {
  await go('/catalog');
  await app.getByRole('link', { name: 'CentOS' }).first().click();
  await app.getByRole('link', { name: 'Deploy' }).click();
  await pages.deploy.chooseFile(join(served.folder, 'deployed.img'));
  await pages.deploy.seeWholePlan();

  const start = pages.deploy.start;
  await expect(start).toBeDisabled();
  const past = pages.rules.line('past its end of life');
  const take = past.getByRole('checkbox', { name: 'Take it upon me' });
  await take.press('Space');
  await expect(start).toBeEnabled();
  await expect(take).toBeChecked();
  await expect(take).toBeFocused();
  await app.keyboard.press('Space');
  await expect(pages.deploy.blocked).toBeVisible();
  await expect(start).toBeDisabled();
  await expect(take).toBeFocused();
  await app.keyboard.press('Space');
  await expect(start).toBeEnabled();
  await start.click();
  await untilDone(app, /Deployed/);
  const { lines } = await served.cli('log');
  expect(JSON.stringify(lines)).toContain('end-of-life');
});
