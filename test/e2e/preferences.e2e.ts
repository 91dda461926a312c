/** What a person sets is the same at every address and in every window, from the first paint on. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from './fixtures.ts';
import { judge } from './judge.ts';

test('theme, language, columns and notices are those of the catalog, in a browser that has kept nothing', async ({
  app,
  served,
  go,
  browser,
}) => {
  await go('/settings');
  await app.getByText('Dark', { exact: true }).click();
  await app.getByRole('combobox', { name: 'Language' }).click();
  await app.getByRole('option', { name: 'Français' }).click();
  await expect(app.getByRole('heading', { level: 1, name: 'Réglages' })).toBeVisible();
  await expect(app.getByText('Ces réglages sont gardés avec le catalogue')).toBeVisible();
  const path = join(served.folder, 'catalog', 'preferences.json');
  await expect.poll(() => existsSync(path) && readFileSync(path, 'utf8')).toContain('"language": "fr"');
  await judge(app, 'settings, kept');

  // as at another port: the session is all that this browser has
  const [origin] = served.state.origins;
  const session = origin.localStorage.filter(({ name }) => name === 'diskpress.session');
  const other = await browser.newContext({
    storageState: { cookies: [], origins: [{ ...origin, localStorage: session }] },
    locale: 'en-GB',
    colorScheme: 'light',
  });
  const page = await other.newPage();
  await page.addInitScript(() => {
    const seen: string[] = [];
    Object.assign(window, { seen });
    new MutationObserver(() => {
      if (document.querySelector('#app h1, #app nav')) {
        seen.push(`${document.documentElement.dataset['theme']} ${document.documentElement.lang}`);
      }
    }).observe(document, { childList: true, subtree: true, attributes: true });
  });
  await page.goto(`${served.origin}/#/settings`);
  await expect(page.getByRole('heading', { level: 1, name: 'Réglages' })).toBeVisible();
  const seen = await page.evaluate(() => (window as unknown as { seen: string[] }).seen);
  expect([...new Set(seen)]).toEqual(['dark fr']);

  // what one window sets, the others show
  await page.getByText('Clair', { exact: true }).click();
  await expect(app.locator('html')).toHaveAttribute('data-theme', 'light');
  await other.close();
});
