/** A template of several disks by a person with a mouse: captured together, shown disk by disk, one of them looked into, all taken out. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeExt4, makeFiles, run } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { untilDone } from './steps.ts';

test.describe.configure({ mode: 'serial' });

test('two image files are captured as the disks of one machine', async ({ app, pages, served }) => {
  const system = makeExt4(join(served.folder, 'system.img'), makeFiles(join(served.folder, 'files')));
  mkdirSync(join(served.folder, 'home'));
  writeFileSync(join(served.folder, 'home', 'letter.txt'), 'Dear reader\n');
  const home = join(served.folder, 'home.img');
  run('mke2fs', '-q', '-t', 'ext4', '-L', 'home', '-d', join(served.folder, 'home'), home, '32M');

  const { any, capture } = pages;
  await any.link('home.capture').first().click();
  await capture.chooseFile(system);
  await capture.addFile(home);
  await expect(app.getByText(home)).toBeVisible();
  await capture.next.click();
  await capture.name.fill('Pair');
  await capture.seePlan.click();
  await expect(app.getByRole('list', { name: 'Disk 1: system.img' })).toBeVisible();
  await expect(app.getByRole('list', { name: 'Disk 2: home.img' })).toBeVisible();
  await capture.start.click();
  await untilDone(app, /Captured: .* read, .* added to the catalog\./);
});

test('each has its place on the page of the template, and its files', async ({ app, pages }) => {
  await app.getByRole('link', { name: 'Catalog' }).click();
  await app.getByRole('link', { name: 'Pair' }).click();
  await pages.template.tab('disks').click();
  await expect(app.getByRole('heading', { name: 'Disk 1: system.img' })).toBeVisible();
  await expect(app.getByRole('heading', { name: 'Disk 2: home.img' })).toBeVisible();
  await pages.template.tab('files').click();
  await expect(pages.files.row('numbers.bin')).toBeVisible();
  await pages.files.choose(app.getByRole('combobox', { name: 'Which disk' }), 'Disk 2: home.img');
  await expect(pages.files.row('letter.txt')).toBeVisible();
});

test('all of them are exported, and one is deployed', async ({ app, pages, served }) => {
  const out = join(served.folder, 'out');
  mkdirSync(out);
  await app.getByRole('link', { name: 'Catalog' }).click();
  await app.getByRole('link', { name: 'Pair' }).click();
  await pages.template.export.click();
  await pages.export.chooseFormat(/^Raw image QEMU/);
  await pages.export.sayFile(out, 'pair.img');
  await pages.export.seePlan.click();
  await pages.export.start.click();
  await untilDone(app, /Exported/);
  for (const name of ['system', 'home']) {
    const number = name === 'system' ? 1 : 2;
    const taken = readFileSync(join(out, `pair-disk${number}.img`));
    expect(taken.equals(readFileSync(join(served.folder, `${name}.img`)))).toBe(true);
  }
  await app.getByRole('link', { name: 'Catalog' }).click();
  await app.getByRole('link', { name: 'Pair' }).click();
  await pages.template.deploy.click();
  await pages.deploy.choose(app.getByRole('combobox', { name: 'Which disk' }), 'Disk 2: home.img');
  const target = join(out, 'deployed.img');
  await pages.deploy.planFile(target);
  await pages.deploy.start.click();
  await untilDone(app, /Deployed/);
  expect(existsSync(target)).toBe(true);
  expect(readFileSync(target).equals(readFileSync(join(served.folder, 'home.img')))).toBe(true);
});
