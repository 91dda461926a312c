/** A deploy onto a disk: what will be lost is said, and nothing happens before its name was typed. Needs loop devices, so root. */
import { join } from 'node:path';
import { makeExt4, makeFiles, run } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { captureFile, untilDone } from './steps.ts';

const canLoop = process.platform === 'linux' && process.getuid?.() === 0;
if (!canLoop) console.warn('SKIPPED: deploying onto a disk is not tested: loop devices need root on Linux');
test.skip(!canLoop, 'loop devices need root on Linux');

test('a disk is erased only after its name was typed', async ({ app, served, go }) => {
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
    await app.getByRole('radio', { name: /Payload/ }).check();
    await app.getByRole('button', { name: 'Next' }).click();
    const row = app.getByRole('radio', { name: new RegExp(`${device} `) });
    await expect(app.getByText(/Now holding “PHOTOS” \(ext4, .*\)\. All of it would be lost\./)).toBeVisible();
    await row.check();
    await app.getByRole('button', { name: 'See the plan' }).click();
    await expect(app.getByText(/^Erases old-disk\.img, 67\.1\sMB$/)).toBeVisible();

    const erase = app.getByRole('button', { name: 'Erase and write' });
    const typed = app.getByRole('textbox', { name: `Type ${device} to confirm` });
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

test('a disk that is in use is shown last, with the reason, and cannot be chosen', async ({ go, app, served }) => {
  const image = makeExt4(join(served.folder, 'mounted.img'), makeFiles(join(served.folder, 'more')));
  const device = run('losetup', '-f', '--show', image).trim();
  const folder = join(served.folder, 'mount');
  run('mkdir', folder);
  run('mount', device, folder);
  try {
    await go('/deploy');
    await app.getByRole('radio', { name: /Payload/ }).check();
    await app.getByRole('button', { name: 'Next' }).click();
    await expect(app.getByRole('radio', { name: new RegExp(`${device} `) })).toBeDisabled();
    await expect(app.getByText(`Mounted: ${folder}. Unmount it first.`)).toBeVisible();
  } finally {
    run('umount', folder);
    run('losetup', '-d', device);
  }
});

test('a target that is too small is refused with both sizes', async ({ go, app, served }) => {
  await go('/deploy');
  await app.getByRole('radio', { name: /Payload/ }).check();
  await app.getByRole('button', { name: 'Next' }).click();
  await app.getByText('Image file', { exact: true }).click();
  await app.getByLabel('Path of the image file').fill(join(served.folder, 'new.img'));
  await app.getByLabel('Size of a new file').fill('20 MB');
  await app.getByLabel('Size of a new file').blur();
  await app.getByRole('button', { name: 'See the plan' }).click();
  await expect(app.getByText(/The target is too small: 20\sMB, 67\.1\sMB needed\./)).toBeVisible();
  await expect(app.getByText('This cannot be done yet')).toBeVisible();
  await expect(app.getByRole('button', { name: 'Write the image file' })).toBeDisabled();
});
