/** For everybody: by keyboard alone, in French, in the dark, at 200 %, and judged by axe. */
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { makeExt4, makeFiles, makeGptDisk } from './disks.ts';
import { complaintsOf, expect, test } from './fixtures.ts';
import { judge } from './judge.ts';
import { captureFile, untilDone } from './steps.ts';

test.describe.configure({ mode: 'serial' });

/** Tab until the focus is on what is looked for, as somebody without a mouse does. */
async function tabTo(page: Page, name: RegExp) {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    const found = await page.evaluate(() => {
      const focused = document.activeElement;
      const labels = focused instanceof HTMLInputElement ? [...(focused.labels ?? [])].map((one) => one.innerText) : [];
      return [focused?.getAttribute('aria-label'), focused?.textContent, ...labels].join(' ');
    });
    if (name.test(found)) return;
  }
  throw new Error(`Tab never reaches ${name}`);
}

test('a disk is captured by keyboard alone', async ({ app, served }) => {
  const image = makeExt4(join(served.folder, 'keys.img'), makeFiles(join(served.folder, 'files')));
  await app.keyboard.press('g');
  await app.keyboard.press('c');
  await expect(app).toHaveURL(/#\/catalog/);
  await tabTo(app, /^ ?Capture$/);
  await app.keyboard.press('Enter');
  await expect(app.getByRole('heading', { level: 1, name: 'Capture' })).toBeVisible();
  await tabTo(app, /Attached disk/);
  await app.keyboard.press('ArrowRight');
  await tabTo(app, /Path of the image file/);
  await app.keyboard.type(image);
  await app.keyboard.press('Tab');
  await expect(app.getByRole('button', { name: 'Next' })).toBeEnabled();
  await tabTo(app, /^ ?Next$/);
  await app.keyboard.press('Enter');
  await tabTo(app, /^ ?Name|Name$/);
  await app.keyboard.press('ControlOrMeta+A');
  await app.keyboard.type('By keyboard');
  await tabTo(app, /See the plan/);
  await app.keyboard.press('Enter');
  await expect(app.getByText('Becomes the template “By keyboard”')).toBeVisible();
  await tabTo(app, /Start the capture/);
  await app.keyboard.press('Enter');
  await untilDone(app, /Captured/);
  await expect(app.locator('[aria-live="polite"]').filter({ hasText: 'Captured' })).toHaveCount(1);
});

test('what has the focus is seen', async ({ app, go }) => {
  await go('/settings');
  let seen = 0;
  for (let i = 0; i < 12; i++) {
    await app.keyboard.press('Tab');
    const isSeen = await app.evaluate(() => {
      // behind the last, and before the first, it is the browser's own
      if (document.activeElement === document.body) return null;
      const marked = (element: Element | null): boolean => {
        for (let one = element; one; one = one.parentElement) {
          const { outlineStyle, outlineWidth } = getComputedStyle(one);
          if (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) return true;
        }
        return false;
      };
      return marked(document.activeElement);
    });
    expect(isSeen).not.toBe(false);
    if (isSeen) seen++;
  }
  expect(seen).toBeGreaterThan(9);
});

test('no page has a serious fault for people who do not see or do not use a mouse', async ({ app, served, go }) => {
  const disk = makeGptDisk(join(served.folder, 'gpt.img'), join(served.folder, 'files'));
  await captureFile(app, disk, 'Partitions');
  await untilDone(app, /Captured/);
  await judge(app, 'job');
  for (const hash of [
    '/',
    '/catalog',
    '/catalog?view=cards',
    '/devices',
    '/machines',
    '/machines/form',
    '/policies',
    '/policies/bare-metal-2020',
    '/jobs',
    '/settings',
    '/capture',
    '/deploy',
  ]) {
    await go(hash);
    await app.waitForTimeout(300);
    await judge(app, hash);
  }
  await go('/catalog');
  await app.getByRole('link', { name: 'Partitions' }).click();
  for (const tab of ['Overview', 'Disks', 'Files', 'Checks', 'History']) {
    await app.getByRole('tab', { name: tab }).click();
    await app.waitForTimeout(200);
    await judge(app, tab);
  }
  await app.getByRole('button', { name: 'Edit' }).click();
  await judge(app, 'edit');
  await app.keyboard.press('Escape');
  await expect(app.getByRole('complementary', { name: 'Edit template' })).toHaveCount(0);
});

test.describe('in French, in the dark', () => {
  test.use({ locale: 'fr-FR', colorScheme: 'dark' });

  test('the language and the theme of the system are taken over', async ({ app, go }) => {
    await expect(app.locator('html')).toHaveAttribute('lang', 'fr');
    await expect(app.locator('html')).toHaveAttribute('data-theme', 'dark');
    await expect(app.getByRole('heading', { level: 1, name: 'Accueil' })).toBeVisible();
    for (const hash of ['/', '/catalog', '/machines', '/policies', '/jobs', '/settings', '/capture', '/deploy']) {
      await go(hash);
      await app.waitForTimeout(300);
      await judge(app, `fr ${hash}`);
    }
    await go('/');
    await expect(app.getByText(/\d\s[kM]o/).first()).toBeVisible();
    await expect(app.locator('body')).not.toContainText(/\d\s?(MB|GB)\b/);
  });
});

test('language and theme are chosen and remembered', async ({ app, go }) => {
  await go('/settings');
  await app.getByLabel('Language').click();
  await app.getByRole('option', { name: 'Français' }).click();
  await expect(app.getByRole('heading', { level: 1, name: 'Réglages' })).toBeVisible();
  await app.getByText('Sombre', { exact: true }).click();
  await app.reload();
  await expect(app.getByRole('heading', { level: 1, name: 'Réglages' })).toBeVisible();
  await expect(app.locator('html')).toHaveAttribute('data-theme', 'dark');
});

test('at 200 % everything can still be reached', async ({ context, served }) => {
  const page = await context.newPage();
  const complaints = complaintsOf(page);
  await page.setViewportSize({ width: 480, height: 400 });
  for (const hash of [
    '/',
    '/catalog',
    '/devices',
    '/machines',
    '/machines/form',
    '/policies',
    '/jobs',
    '/settings',
    '/capture',
    '/deploy',
  ]) {
    await page.goto(`${served.origin}/#${hash}`);
    await page.locator('h1').waitFor();
    await page.waitForTimeout(200);
    const lost = await page.evaluate(() => {
      const isHidden = (element: Element) => element.closest('[hidden], .unseen, [aria-hidden="true"]') !== null;
      return [...document.querySelectorAll('main button, main a, main input')]
        .filter((element) => {
          if (isHidden(element) || getComputedStyle(element).clipPath !== 'none') return false;
          element.scrollIntoView({ block: 'nearest', inline: 'nearest' });
          const { left, right, width } = element.getBoundingClientRect();
          return width > 0 && (left < -1 || right > window.innerWidth + 1);
        })
        .map((element) => element.outerHTML.slice(0, 120));
    });
    expect(lost, hash).toEqual([]);
    await judge(page, `200 % ${hash}`);
  }
  expect(complaints).toEqual([]);
});
