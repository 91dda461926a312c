/** One disk for several targets, by a person with a mouse: a row for each, what is refused is left out, all of them are one job. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeExt4, makeFiles } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';
import { captureFile, untilDone } from './steps.ts';

test('three files, of which one is refused: it says why, is left out, and the others are written', async ({
  app,
  pages,
  served,
  go,
}) => {
  const { deploy, t } = pages;
  const image = makeExt4(join(served.folder, 'lab.img'), makeFiles(join(served.folder, 'files')));
  await captureFile(app, image, 'Lab');
  await untilDone(app, /Captured/);
  const [first, second] = ['first.img', 'second.img'].map((name) => join(served.folder, name));
  const refused = join(served.folder, 'catalog', 'x.img');

  await go('/deploy');
  await deploy.chooseTemplate(/Lab/);
  // a single target is a plain choice
  await expect(deploy.targets).toHaveCount(0);
  await deploy.chooseFile(first);
  await deploy.add.click();
  await expect(deploy.targets).toHaveCount(2);
  await expect(deploy.targets.nth(0)).toContainText(`Creates ${first}`);
  await deploy.chooseFile(first);
  await expect(deploy.targets.nth(1)).toContainText(`${first} is the place of “Target 1” already.`);
  await expect(deploy.next).toBeDisabled();
  await deploy.type(deploy.imagePath, second);
  await expect(deploy.targets.nth(1)).toContainText(`Creates ${second}`);
  await deploy.add.click();
  await deploy.chooseFile(refused);
  const reason = 'The catalog is on the target.';
  await expect(deploy.targets.nth(2)).toContainText(reason);
  await judge(app, 'targets');

  await deploy.seeWholePlan();
  await expect(deploy.planned(3)).toContainText(reason);
  await expect(deploy.planned(1)).not.toContainText(t('plan.blocked'));
  await expect(app.getByText('1 target is refused.')).toBeVisible();
  await expect(deploy.startSeveral).toBeDisabled();
  await judge(app, 'plan of several targets');
  await deploy
    .planned(3)
    .getByRole('button', { name: t('deploy.leaveOut') })
    .click();
  await expect(deploy.planned(3)).toHaveCount(0);
  await deploy.startSeveral.click();
  await untilDone(app, /Deployed: .* written\.$/);
  for (const [i, path] of [first, second].entries()) {
    await expect(pages.jobs.part(i + 1)).toContainText(path);
    await expect(pages.jobs.part(i + 1)).toContainText(/Deployed: .* written\./);
    expect(readFileSync(path).equals(readFileSync(image))).toBe(true);
  }
  await judge(app, 'job of several targets');
  expect(existsSync(refused)).toBe(false);
});
