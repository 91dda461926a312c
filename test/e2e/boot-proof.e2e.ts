/** A capture that is started once it is stored: what it showed becomes the template's picture; what does not come up stays, and is told. */
import { join } from 'node:path';
import { sayingDisk } from '../support/boot-sectors.ts';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';

test.describe.configure({ mode: 'serial' });

const LOGIN = '\r\nDebian GNU/Linux 13 lab ttyS0\r\n\r\nlab login: ';

test('a capture is proven, and its screen is on the template’s card', async ({ app, pages, served, go }) => {
  const { capture, jobs, t } = pages;
  await go('/capture');
  await capture.chooseFile(sayingDisk(join(served.folder, 'up.img'), LOGIN));
  await capture.next.click();
  await capture.name.fill('Proven');
  await capture.proof.check();
  await capture.type(app.getByLabel(t('proof.memory')), '1 MB');
  await expect(capture.seePlan).toBeDisabled();
  await capture.type(app.getByLabel(t('proof.memory')), '64 MiB');
  await capture.choose(app.getByLabel(t('proof.machineType')), t('proof.machineTypeOf.pc'));
  await capture.choose(app.getByLabel(t('proof.bus')), t('proof.busOf.ide'));
  await judge(app, 'capture with a proof');
  await capture.seePlan.click();
  await expect(app.getByText(t('proof.plannedStored'))).toBeVisible();
  await capture.start.click();
  await expect(app.getByText(/^It came up: it asks for a login/)).toBeVisible({ timeout: 60_000 });
  await expect(jobs.screen).toBeVisible();
  await go('/catalog?view=cards');
  await expect(app.getByRole('img', { name: t('proof.pictureAlt') })).toBeVisible();
});

test('what does not come up is stored, and not proven', async ({ app, pages, served, go }) => {
  const { capture, jobs, t } = pages;
  await go('/capture');
  await capture.chooseFile(sayingDisk(join(served.folder, 'down.img'), LOGIN));
  await capture.next.click();
  await capture.name.fill('Unproven');
  await capture.proof.check();
  await capture.choose(app.getByLabel(t('proof.until')), t('proof.untilOf.text'));
  await capture.type(app.getByLabel(t('proof.text'), { exact: true }), 'never said');
  await capture.type(app.getByLabel(t('proof.minutes')), '0.1');
  await capture.seePlan.click();
  await capture.start.click();
  await expect(app.getByText(/^Stored, not proven\./).first()).toBeVisible({ timeout: 60_000 });
  await expect(app.getByText(/no sign of it having come up/)).toBeVisible();
  await expect(jobs.screen).toBeVisible();
  await judge(app, 'job that is not proven');
});
