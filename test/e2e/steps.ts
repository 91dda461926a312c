/** What a person does in several steps, as one. */
import { expect, type Page } from '@playwright/test';

/** From the first page of the wizard to the running job; returns at the job's own address. */
export async function captureFile(page: Page, path: string, name: string, level?: number) {
  await page.getByRole('link', { name: 'Home' }).click();
  await page
    .getByRole('link', { name: /Capture a disk/ })
    .first()
    .click();
  await page.getByText('Image file', { exact: true }).click();
  await page.getByLabel('Path of the image file').fill(path);
  await page.getByLabel('Path of the image file').blur();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  if (level) await page.getByLabel('Compression').fill(String(level));
  await page.getByRole('button', { name: 'See the plan' }).click();
  await page.getByRole('button', { name: 'Start the capture' }).click();
  await expect(page).toHaveURL(/#\/jobs\/[\da-f-]{36}$/);
}

export const panel = (page: Page) => page.getByRole('complementary', { name: 'Job' });

export async function untilDone(page: Page, verdict: RegExp) {
  await expect(panel(page).getByText(verdict)).toBeVisible({ timeout: 60_000 });
}
