/** Drivers of virtio that a Windows gets: asked for on the page of what becomes of the inside, planned, written, and looked for by debugfs. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hive, writeTree, type GuestTree } from '../support/guests.ts';
import { driverFiles } from '../support/virtio-tree.ts';
import { GPT, makeGptDisk, run } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';
import { captureFile, untilDone } from './steps.ts';

const CONFIG = '/Windows/System32/config';

/** @returns the folder with these files */
function folderOf(folder: string, tree: GuestTree): string {
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  writeTree(folder, tree);
  return folder;
}

/** As much of a Windows as is looked at, in a file system that is written without a mount. */
function makeWindows(folder: string): string {
  const tree = folderOf(join(folder, 'windows'), {
    [`${CONFIG}/SYSTEM`]: hive(folder, {
      Select: { Current: 1 },
      'ControlSet001\\Control\\Session Manager\\Environment': { PROCESSOR_ARCHITECTURE: 'AMD64' },
      'ControlSet001\\Services\\storahci': { Start: 0 },
    }),
    [`${CONFIG}/SOFTWARE`]: hive(folder, {
      'Microsoft\\Windows NT\\CurrentVersion': {
        ProductName: 'Windows 10 Pro',
        CurrentBuildNumber: '19045',
        InstallationType: 'Client',
      },
    }),
    '/Windows/explorer.exe': 'MZ',
  });
  return makeGptDisk(join(folder, 'windows.img'), tree);
}

test('an ISO that is none is told, one with drivers is planned, and what was put in is there', async ({
  app,
  pages,
  served,
  go,
}) => {
  const { deploy } = pages;
  const disk = makeWindows(served.folder);
  const iso = join(served.folder, 'virtio-win.iso');
  run(
    'genisoimage',
    '-quiet',
    '-J',
    '-o',
    iso,
    folderOf(join(served.folder, 'iso'), driverFiles('viostor', 'w10', 'amd64')),
  );
  await captureFile(app, disk, 'Windows');
  await untilDone(app, /Captured/);
  const target = join(served.folder, 'one.img');
  await go('/deploy');
  await deploy.chooseTemplate(/Windows/);
  await deploy.chooseFile(target);
  await deploy.next.click();
  await deploy.next.click();

  await deploy.unfold('inside.drivers.title');
  await deploy.type(deploy.field('inside.drivers.iso'), disk);
  await expect(app.getByText(/Drivers of virtio cannot be put in: this is no ISO/)).toBeVisible();
  await judge(app, 'an ISO that is none');
  await deploy.type(deploy.field('inside.drivers.iso'), iso);
  await expect(app.getByText(/cannot be put in/)).toBeHidden();
  await expect(deploy.seePlan).toBeEnabled();
  await deploy.seePlan.click();
  await expect(
    app.getByText(/Drivers of virtio \(viostor, of w10\/amd64 in the ISO\) are put into its Windows/),
  ).toBeVisible();
  await judge(app, 'plan with drivers');
  await deploy.start.click();
  await untilDone(app, /Deployed/);
  const at = `${target}?offset=${GPT.rootStart}`;
  const cat = (path: string) =>
    execFileSync('debugfs', ['-R', `cat ${path}`, at], { stdio: ['ignore', 'pipe', 'ignore'] });
  expect(cat('/Windows/System32/drivers/viostor.sys').toString('latin1')).toContain('viostor/w10/amd64');
  expect(cat('/Windows/Drivers/VirtIO/viostor.inf').toString()).toContain('Class=SCSIAdapter');
  run('e2fsck', '-fn', at);
});
