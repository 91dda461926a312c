/** What every page has: places by their role and the words on them. */
import type { Locator, Page } from '@playwright/test';
import type { Words } from './words.ts';

export class AppPage {
  readonly page: Page;
  readonly t: Words;

  constructor(page: Page, words: Words) {
    this.page = page;
    this.t = words;
  }

  button(key: string, facts?: Record<string, string | number>): Locator {
    return this.page.getByRole('button', { name: this.t(key, facts) });
  }

  link(key: string): Locator {
    return this.page.getByRole('link', { name: this.t(key) });
  }

  tab(name: string): Locator {
    return this.page.getByRole('tab', { name: this.t(`template.tab.${name}`) });
  }

  /** Types into a field and leaves it, as a person does. */
  async type(field: Locator, text: string): Promise<void> {
    await field.fill(text);
    await field.blur();
  }

  /** Opens a select and takes one of its options. */
  async choose(select: Locator, option: string | RegExp): Promise<void> {
    await select.click();
    await this.page.getByRole('option', { name: option }).click();
  }
}
