/** What the four wizards have in common: their steps, what stands beside them, and the plan. */
import type { Locator } from '@playwright/test';
import { AppPage } from './page.ts';

export class WizardPage extends AppPage {
  get next(): Locator {
    return this.button('action.next');
  }

  get seePlan(): Locator {
    return this.button('plan.see');
  }

  /** what will happen, beside every step */
  get beside(): Locator {
    return this.page.getByRole('complementary', { name: this.t('wizard.plan') });
  }

  /** the notice that the checks or the rules forbid it */
  get blocked(): Locator {
    return this.page.getByText(this.t('plan.blocked'));
  }

  get anyway(): Locator {
    return this.page.getByRole('checkbox', { name: this.t('override.do') });
  }

  /** the box to tick where a file is there */
  get overwrite(): Locator {
    const [beginning] = this.t('plan.overwrite', { path: '' }).split('.');
    return this.page.getByRole('checkbox', { name: beginning.trim() });
  }

  /** the answer about unknown data outside of all that is known */
  outside(choice: 'ask' | 'take' | 'leave'): Locator {
    return this.page.getByRole('radio', { name: this.t(`account.choiceOf.${choice}`) });
  }

  /** the places outside, folded away below the account of a disk's bytes */
  get places(): Locator {
    return this.page.locator('.account summary');
  }

  get name(): Locator {
    return this.page.getByRole('textbox', { name: this.t('template.name') });
  }

  /** what an image is, as a person says */
  get imageFormat(): Locator {
    return this.page.getByLabel(this.t('image.formatSaid'));
  }

  /** whether it is started once it is there */
  get proof(): Locator {
    return this.page.getByRole('checkbox', { name: this.t('proof.wish') });
  }

  get imagePath(): Locator {
    return this.page.getByLabel(this.t('place.imagePath'));
  }

  get browse(): Locator {
    return this.button('action.browse');
  }

  /** which of several disks is meant, or all of them */
  get which(): Locator {
    return this.page.getByRole('combobox', { name: this.t('disk.choose') });
  }

  async openFiles(): Promise<void> {
    await this.page.getByText(this.t('place.file'), { exact: true }).click();
  }

  async chooseFile(path: string): Promise<void> {
    await this.openFiles();
    await this.type(this.imagePath, path);
  }

  disk(path: string): Locator {
    return this.page.getByRole('radio', { name: new RegExp(`${path}(?!\\w)`) });
  }
}
