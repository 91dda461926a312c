/** The engine goes away: a calm notice, and the way back. */
import { expect, startServed, test } from './fixtures.ts';

test('a lost engine is said, and the window keeps trying', async ({ browser }) => {
  const served = await startServed(browser);
  const context = await browser.newContext({ storageState: served.state, locale: 'en-GB' });
  const page = await context.newPage();
  await page.goto(`${served.origin}/`);
  await page.locator('h1').waitFor();
  await served.stop();
  const notice = page.getByRole('alert').filter({ hasText: 'The connection to the engine is lost.' });
  await expect(notice).toBeVisible();
  await expect(notice).toContainText(/Next attempt in \d+ s\./);
  await notice.getByRole('button', { name: 'Reconnect' }).click();
  await expect(notice).toBeVisible();
  await context.close();
});
