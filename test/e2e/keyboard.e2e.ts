/** What the keyboard and the second button of a mouse open: keys, palette, menus of lines. What is done at the end of a long job. */
import { join } from 'node:path';
import { makeExt4, makeFiles } from './disks.ts';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';
import { captureFile, untilDone } from './steps.ts';

test.describe.configure({ mode: 'serial' });

test('? shows the keys, Ctrl+K finds places and templates; both give the focus back', async ({ app, served }) => {
  const image = makeExt4(join(served.folder, 'keys.img'), makeFiles(join(served.folder, 'files')));
  await captureFile(app, image, 'Lab of room 2');
  await untilDone(app, /Captured/);
  await app.keyboard.press('?');
  const keys = app.getByRole('dialog', { name: 'Keyboard' });
  await expect(keys).toContainText('g c');
  await judge(app, 'keys');
  await app.keyboard.press('Escape');
  await expect(keys).toHaveCount(0);
  await app.keyboard.press('ControlOrMeta+k');
  const field = app.getByRole('combobox', { name: 'What to do, or where to go' });
  await expect(field).toBeFocused();
  await app.keyboard.type('depl room');
  const option = app.getByRole('option', { name: /Deploy “Lab of room 2”/ });
  await expect(option).toHaveAttribute('aria-selected', 'true');
  expect(await field.getAttribute('aria-activedescendant')).toBe(await option.getAttribute('id'));
  await judge(app, 'palette');
  await app.keyboard.press('Enter');
  await expect(app.getByRole('heading', { level: 1, name: 'Deploy' })).toBeVisible();
  // typing keeps its question mark
  await app.keyboard.press('ControlOrMeta+k');
  await field.fill('');
  await app.keyboard.type('?');
  await expect(field).toHaveValue('?');
  await app.keyboard.press('ControlOrMeta+k');
  await expect(field).toHaveCount(0);
});

test('a line has a menu, by mouse and by keyboard, and opens by a double click', async ({ app, go }) => {
  await go('/catalog');
  const row = app.getByRole('row', { name: /Lab of room 2/ });
  await row.click({ button: 'right', position: { x: 300, y: 30 } });
  await expect(app.getByRole('menuitem')).toHaveText([
    'Open',
    'Deploy',
    'Capture a new version',
    'Export…',
    'Move to the bin',
  ]);
  await judge(app, 'menu of a line');
  await app.getByRole('menuitem', { name: 'Capture a new version' }).click();
  await expect(app).toHaveURL(/#\/capture\?name=Lab/);
  await go('/catalog');
  await app.getByRole('link', { name: 'Lab of room 2' }).focus();
  await app.keyboard.press('Shift+F10');
  await expect(app.getByRole('menuitem', { name: 'Open' })).toBeFocused();
  await app.keyboard.press('Enter');
  await expect(app.getByRole('heading', { level: 1, name: 'Lab of room 2' })).toBeVisible();
  await go('/catalog');
  await row.dblclick({ position: { x: 300, y: 30 } });
  await expect(app.getByRole('heading', { level: 1, name: 'Lab of room 2' })).toBeVisible();
});

test('a job has a menu, by mouse and by keyboard', async ({ app, go }) => {
  await go('/jobs');
  const row = app.getByRole('listitem').filter({ hasText: 'Lab of room 2' });
  await row.click({ button: 'right' });
  await expect(app.getByRole('menuitem')).toHaveText(['Open', 'Open the template']);
  await judge(app, 'menu of a job');
  await app.keyboard.press('Escape');
  await row.getByRole('link').focus();
  await app.keyboard.press('Shift+F10');
  await app.keyboard.press('ArrowDown');
  await app.keyboard.press('Enter');
  await expect(app.getByRole('heading', { level: 1, name: 'Lab of room 2' })).toBeVisible();
});

test('a notification is asked for when it is wanted, and what is set stays', async ({ app, context, served, go }) => {
  await go('/settings');
  const box = app.getByRole('checkbox', { name: 'Show a notification of the system' });
  const sound = app.getByRole('checkbox', { name: 'Play a sound' });
  await expect(box).not.toBeChecked();
  await expect(sound).not.toBeChecked();
  await box.click();
  await expect(app.getByRole('alert')).toContainText('does not allow');
  await expect(box).not.toBeChecked();
  await context.grantPermissions(['notifications'], { origin: served.origin });
  await box.click();
  await sound.check();
  await expect(box).toBeChecked();
  await app.reload();
  await expect(box).toBeChecked();
  await expect(sound).toBeChecked();
  await judge(app, 'settings');
});
