/** What a person does in several steps, as one. */
import { expect, type Page } from '@playwright/test';
import { pagesOf } from '../pages/index.ts';

/** From the first page to the running job; returns at the job's own address. */
export async function captureFile(page: Page, path: string, name: string, level?: number) {
  const { any, capture } = pagesOf(page);
  await any.link('rail.home').click();
  await any.link('home.capture').first().click();
  await capture.planFile(path, name, level);
  await capture.start.click();
  await expect(page).toHaveURL(/#\/jobs\/[\da-f-]{36}$/);
}

export const panel = (page: Page) => pagesOf(page).jobs.panel;

/** @param verdict of the job; of several parts each may say the same of itself */
export async function untilDone(page: Page, verdict: RegExp) {
  await expect(panel(page).getByText(verdict).first()).toBeVisible({ timeout: 60_000 });
}
