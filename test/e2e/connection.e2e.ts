/** The engine goes away: a calm notice, and the way back. */
import { expect, test } from './fixtures.ts';

test('a lost engine is said, nothing is invented, and the window keeps trying', async ({ page, served }) => {
  await page.goto(`${served.origin}/`);
  await page.locator('h1').waitFor();
  await served.stop();
  const notice = page.getByRole('alert').filter({ hasText: 'The connection to the engine is lost.' });
  await expect(notice).toBeVisible();
  await expect(notice).toContainText(/Next attempt in \d+ s\./);
  await notice.getByRole('button', { name: 'Reconnect' }).click();
  await expect(notice).toBeVisible();
});
