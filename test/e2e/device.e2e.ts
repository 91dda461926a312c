/** A deploy onto a disk: what will be lost is said, and nothing happens before its name was typed. Needs loop devices, so root. */
import { join } from 'node:path';
import { makeExt4, makeFiles, run } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { captureFile, untilDone } from './steps.ts';

const canLoop = process.platform === 'linux' && process.getuid?.() === 0;
if (!canLoop) console.warn('SKIPPED: deploying onto a disk is not tested: loop devices need root on Linux');
test.skip(!canLoop, 'loop devices need root on Linux');

test('a disk is erased only after its name was typed', async ({ app, served, go, pages }) => {
  const source = makeExt4(join(served.folder, 'payload.img'), makeFiles(join(served.folder, 'files')));
  const backing = makeExt4(join(served.folder, 'old-disk.img'), join(served.folder, 'files'));
  run('e2label', backing, 'PHOTOS');
  const device = run('losetup', '-f', '--show', backing).trim();
  try {
    await captureFile(app, source, 'Payload');
    await untilDone(app, /Captured/);

    await go('/devices');
    await expect(
      app.getByRole('list', { name: 'Devices' }).getByText('May be captured and deployed to').first(),
    ).toBeVisible();
    await go('/deploy');
    await pages.deploy.chooseTemplate(/Payload/);
    const row = pages.deploy.disk(device);
    await expect(app.getByText(/Now holding “PHOTOS” \(ext4, .*\)\. All of it would be lost\./)).toBeVisible();
    await row.check();
    await pages.deploy.seeWholePlan();
    await expect(app.getByText(/^Erases old-disk\.img, 67\.1\sMB$/)).toBeVisible();

    const erase = pages.deploy.erase;
    const typed = pages.deploy.confirmation(device);
    await expect(erase).toBeDisabled();
    await typed.fill('/dev/other');
    await expect(erase).toBeDisabled();
    await typed.fill(device);
    await erase.click();
    await untilDone(app, /Deployed/);
    expect(run('e2label', backing).trim()).toBe('payload');
    run('e2fsck', '-fn', backing);
  } finally {
    run('losetup', '-d', device);
  }
});

test('a disk that is in use is shown last, with the reason, and cannot be chosen', async ({
  go,
  app,
  served,
  pages,
}) => {
  const image = makeExt4(join(served.folder, 'mounted.img'), makeFiles(join(served.folder, 'more')));
  const device = run('losetup', '-f', '--show', image).trim();
  const folder = join(served.folder, 'mount');
  run('mkdir', folder);
  run('mount', device, folder);
  try {
    await go('/deploy');
    await pages.deploy.chooseTemplate(/Payload/);
    await expect(pages.deploy.disk(device)).toBeDisabled();
    await expect(app.getByText(`Mounted: ${folder}. Unmount it first.`)).toBeVisible();
  } finally {
    run('umount', folder);
    run('losetup', '-d', device);
  }
});

test('a target that is too small is refused with both sizes', async ({ go, app, served, pages }) => {
  await go('/deploy');
  await pages.deploy.chooseTemplate(/Payload/);
  await pages.deploy.openFiles();
  await pages.deploy.imagePath.fill(join(served.folder, 'new.img'));
  await pages.deploy.type(pages.deploy.size, '20 MB');
  await pages.deploy.seeWholePlan();
  await expect(app.getByText(/The target is too small: 20\sMB, 67\.1\sMB needed\./)).toBeVisible();
  await expect(pages.deploy.blocked).toBeVisible();
  await expect(pages.deploy.start).toBeDisabled();
});
