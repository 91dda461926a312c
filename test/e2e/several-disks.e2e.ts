/** A template of several disks by a person with a mouse: captured together, shown disk by disk, one of them looked into, all taken out. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { virtualBoxOvf } from '../support/ovf.ts';
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
  for (const title of ['Disk 1: system.img', 'Disk 2: home.img']) {
    await expect(capture.beside.getByText(title)).toBeVisible();
    await expect(capture.beside.getByRole('list', { name: title.replace(/:.*/, ': system.img') })).toBeVisible();
  }
  // what is named twice is told, and not taken twice
  await capture.addFile(system);
  await expect(app.getByText(`${system} is disk 1 already.`)).toBeVisible();
  await expect(capture.beside.getByText(/^Disk 3/)).toHaveCount(0);
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
  await expect(app.getByRole('row', { name: /Pair/ }).getByText('2 disks')).toBeVisible();
  await app.getByRole('link', { name: 'Pair' }).click();
  await expect(app.getByText(/^Disk 1\s· boot disk\s· /)).toBeVisible();
  await expect(app.getByText(/^Disk 2\s· data disk\s· /)).toBeVisible();
  await expect(app.getByText('2 disks: system.img, home.img')).toBeVisible();
  await pages.template.tab('disks').click();
  await expect(app.getByRole('heading', { name: 'Disk 1: system.img' })).toBeVisible();
  await expect(app.getByRole('heading', { name: 'Disk 2: home.img' })).toBeVisible();
  await pages.template.tab('files').click();
  await expect(pages.files.row('numbers.bin')).toBeVisible();
  await pages.files.choose(pages.deploy.which, 'Disk 2: home.img');
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
  await expect(pages.deploy.targets).toHaveCount(2);
  await pages.deploy.choose(pages.deploy.which, 'Disk 2: home.img');
  await expect(pages.deploy.beside.getByText('Disk 2 alone is written.')).toBeVisible();
  await expect(pages.deploy.targets).toHaveCount(0);
  const target = join(out, 'deployed.img');
  await pages.deploy.planFile(target);
  await pages.deploy.start.click();
  await untilDone(app, /Deployed/);
  expect(existsSync(target)).toBe(true);
  expect(readFileSync(target).equals(readFileSync(join(served.folder, 'home.img')))).toBe(true);
});

test('both are deployed as one job, each to a file of its own; one that is there has to be given up', async ({
  app,
  pages,
  served,
}) => {
  const { deploy } = pages;
  const targets = ['whole-1.img', 'whole-2.img'].map((name) => join(served.folder, name));
  writeFileSync(targets[1], 'precious');
  await app.getByRole('link', { name: 'Catalog' }).click();
  await app.getByRole('link', { name: 'Pair' }).click();
  await pages.template.deploy.click();
  await expect(deploy.targets.nth(0)).toContainText('Disk 167.1 MB · boot disk');
  await expect(deploy.targets.nth(1)).toContainText('Disk 233.6 MB · data disk');
  await deploy.chooseFile(targets[0]);
  await deploy.target(2).click();
  await deploy.chooseFile(targets[1]);
  await expect(deploy.targets.nth(0)).toContainText(`Creates ${targets[0]}`);
  await expect(deploy.targets.nth(1)).toContainText('The target is too small: 8 B, 33.6 MB needed.');
  await deploy.type(deploy.size, '64 MB');
  await expect(deploy.targets.nth(1)).toContainText('Overwrites the file whole-2.img');
  await deploy.seeWholePlan();
  await expect(deploy.planned(1).getByRole('heading', { name: `Disk 1: ${targets[0]}` })).toBeVisible();
  await expect(deploy.planned(2).getByRole('heading', { name: `Disk 2: ${targets[1]}` })).toBeVisible();
  await expect(deploy.planned(1).getByRole('checkbox')).toHaveCount(0);
  await expect(deploy.erase).toBeDisabled();
  await expect(app.getByText('1 target is not confirmed yet.')).toBeVisible();
  await deploy.planned(2).getByRole('checkbox').check();
  await deploy.erase.click();
  await untilDone(app, /Deployed: .* written\.$/);
  for (const [i, name] of ['system.img', 'home.img'].entries()) {
    const part = pages.jobs.part(i + 1);
    await expect(part).toContainText(`Disk ${i + 1}${targets[i]}`);
    await expect(part).toContainText(/Deployed: .* written\./);
    // each is filled in the picture of its own disk: one file system, of its own name
    await expect(part.getByRole('img')).toHaveAccessibleName(new RegExp(`“?${i ? 'home' : 'payload'}`));
    const original = readFileSync(join(served.folder, name));
    const written = readFileSync(targets[i]);
    expect(written.subarray(0, original.length).equals(original)).toBe(true);
    expect(written.length).toBe(i ? 64e6 : original.length);
  }
});

test('of an appliance with two disks the second alone is imported', async ({ app, pages, served }) => {
  const { any, import: importing } = pages;
  const folder = join(served.folder, 'machine');
  mkdirSync(folder);
  const files = ['system', 'home'].map((name, i) => {
    const href = `m-disk00${i + 1}.vmdk`;
    const image = join(served.folder, `${name}.img`);
    run('qemu-img', 'convert', '-O', 'vmdk', '-o', 'subformat=streamOptimized', image, join(folder, href));
    return { href, capacityBytes: statSync(image).size };
  });
  writeFileSync(join(folder, 'm.ovf'), virtualBoxOvf('pair', files));
  const ova = join(served.folder, 'pair.ova');
  run('tar', '--format=ustar', '-cf', ova, '-C', folder, 'm.ovf', ...files.map(({ href }) => href));

  await any.link('home.import').first().click();
  await importing.add(ova);
  await expect(importing.queue).toContainText('2 disks');
  await expect(app.getByText('All disks go into one template.')).toBeVisible();
  await importing.choose(importing.which, 'Disk 2: m-disk002.vmdk');
  await expect(app.getByText('Disk 2 alone is imported.')).toBeVisible();
  await importing.next.click();
  await importing.name.fill('Home alone');
  await importing.seePlan.click();
  await expect(importing.beside).toContainText('Reads');
  await importing.start.click();
  await untilDone(app, /Imported/);
  const { lines } = await served.cli('show', 'Home alone');
  expect(lines.at(-1)).toMatchObject({ value: { versions: [{ disks: [{ capacityBytes: files[1].capacityBytes }] }] } });
  const target = join(served.folder, 'alone.img');
  expect((await served.cli('deploy', 'Home alone', target)).code).toBe(0);
  expect(readFileSync(target).equals(readFileSync(join(served.folder, 'home.img')))).toBe(true);
});

test('what changed is told of all of them, or of the one that the address names', async ({
  app,
  pages,
  served,
  go,
}) => {
  const again = join(served.folder, 'again', 'home.img');
  mkdirSync(join(served.folder, 'again'));
  writeFileSync(join(served.folder, 'home', 'letter.txt'), 'Dear reader, again\n');
  run('mke2fs', '-q', '-t', 'ext4', '-L', 'home', '-d', join(served.folder, 'home'), again, '32M');
  const made = await served.cli('capture', join(served.folder, 'system.img'), again, '--name', 'Pair');
  expect(made.code).toBe(0);
  const { result } = made.lines.at(-1)!.value as { result: { templateId: string } };
  // what another program has made is there when the page is opened
  await app.reload();
  await go(`/templates/${result.templateId}/compare`);
  await expect(app.getByText('letter.txt')).toBeVisible();
  await expect(app.getByRole('link', { name: 'letter.txt' })).toHaveAttribute('href', /disk=2/);
  await pages.any.choose(pages.deploy.which, 'Disk 1: system.img');
  await expect(app).toHaveURL(/compare\?.*disk=1/);
  await expect(app.getByText('The same files in both')).toBeVisible();
  await go(`/templates/${result.templateId}/compare?disk=2`);
  await expect(app.getByText('letter.txt')).toBeVisible();
});
