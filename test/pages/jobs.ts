/** Long work, seen. */
import type { Locator } from '@playwright/test';
import { AppPage } from './page.ts';

export class JobsPage extends AppPage {
  /** what a machine of a proof showed */
  get screen(): Locator {
    return this.page.getByRole('img', { name: this.t('proof.pictureAlt') }).first();
  }

  get panel(): Locator {
    return this.page.getByRole('complementary', { name: this.t('jobs.one') });
  }

  /** one of several targets or disks, from 1 */
  part(number: number): Locator {
    return this.panel.locator('.parts > li').nth(number - 1);
  }

  /** files that a deploy changed inside */
  get changes(): Locator {
    return this.panel.locator('.changes > li');
  }

  /** one of them, by its path: what unfolds it */
  change(path: string): Locator {
    return this.changes.locator('summary').filter({ hasText: path });
  }

  get cancel(): Locator {
    return this.panel.getByRole('button', { name: this.t('action.cancelJob') });
  }
}
