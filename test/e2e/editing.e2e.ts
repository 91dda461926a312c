/** Two people edit the same template, and one leaves in the middle: nobody's words are lost unasked. */
import { join } from 'node:path';
import { pagesOf } from '../pages/index.ts';
import { makeExt4, makeFiles } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';

test.describe.configure({ mode: 'serial' });

test('the second of two is shown both, and loses nothing', async ({ app, served, pages, go, context }) => {
  const image = makeExt4(join(served.folder, 'two.img'), makeFiles(join(served.folder, 'files')));
  expect((await served.cli('capture', image, '--name', 'Two people')).code).toBe(0);
  await go('/catalog');
  await app.getByRole('link', { name: 'Two people', exact: true }).click();
  await pages.template.edit.click();
  const mine = pages.template.editPanel;
  await mine.getByRole('textbox', { name: 'Note' }).fill('mine');

  const page = await context.newPage();
  await page.goto(app.url());
  const second = pagesOf(page).template;
  await second.edit.click();
  await second.editPanel.getByRole('textbox', { name: 'Note' }).fill('theirs');
  await second.editPanel.getByRole('textbox', { name: 'Owner' }).fill('ada');
  await second.editPanel.getByRole('button', { name: 'Save' }).click();
  await expect(second.editPanel).toHaveCount(0);

  const clash = mine.getByRole('region', { name: 'Note' });
  await expect(clash).toBeInViewport();
  await expect(clash).toContainText('mine');
  await expect(clash).toContainText('theirs');
  await expect(mine.getByRole('textbox', { name: 'Note' })).toHaveValue('mine');
  await expect(mine.getByRole('textbox', { name: 'Owner' })).toHaveValue('ada');
  await expect(mine.getByRole('button', { name: 'Save' })).toBeDisabled();
  await judge(app, 'two people edit');
  await clash.getByRole('button', { name: 'Keep yours' }).click();
  await mine.getByRole('button', { name: 'Save' }).click();
  await expect(mine).toHaveCount(0);
  await expect(app.getByText('mine', { exact: true })).toBeVisible();
  await expect(page.getByText('mine', { exact: true })).toBeVisible();
});

test('Escape, another page and the end of the tab ask first where something is not saved', async ({
  app,
  pages,
  go,
}) => {
  await go('/catalog');
  await app.getByRole('link', { name: 'Two people', exact: true }).click();
  const panel = pages.template.editPanel;
  await pages.template.edit.click();
  await app.keyboard.press('Escape');
  await expect(panel).toHaveCount(0);

  await pages.template.edit.click();
  await panel.getByRole('textbox', { name: 'Note' }).fill('not saved');
  const question = app.getByRole('dialog', { name: 'Leave without saving?' });
  await app.keyboard.press('Escape');
  await expect(question).toBeVisible();
  await judge(app, 'leaving');
  await app.keyboard.press('Escape');
  await expect(question).toHaveCount(0);
  await app.getByRole('navigation').getByRole('link', { name: 'Jobs' }).click();
  await question.getByRole('button', { name: 'Stay here' }).click();
  await expect(panel.getByRole('textbox', { name: 'Note' })).toHaveValue('not saved');

  const asked = new Promise<string>((resolve) => {
    app.once('dialog', (dialog) => {
      resolve(dialog.type());
      void dialog.dismiss();
    });
  });
  await app.close({ runBeforeUnload: true });
  expect(await asked).toBe('beforeunload');
  await app.getByRole('navigation').getByRole('link', { name: 'Jobs' }).click();
  await question.getByRole('button', { name: 'Discard the changes' }).click();
  await expect(app.getByRole('heading', { level: 1, name: 'Jobs' })).toBeVisible();
});
