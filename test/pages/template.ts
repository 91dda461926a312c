/** A template: its tabs, its actions, and what is folded away in them. */
import type { Locator } from '@playwright/test';
import { AppPage } from './page.ts';

export class TemplatePage extends AppPage {
  get edit(): Locator {
    return this.button('action.edit');
  }

  get export(): Locator {
    return this.link('action.export');
  }

  get deploy(): Locator {
    return this.link('action.deploy');
  }

  get editPanel(): Locator {
    return this.page.getByRole('complementary', { name: this.t('template.edit') });
  }

  /** a part of the disk, by its place in the map */
  segment(place: number): Locator {
    return this.page.locator('.map .segment').nth(place);
  }

  get account(): Locator {
    return this.page.locator('.account');
  }

  get damage(): Locator {
    return this.page.locator('.damage');
  }
}
