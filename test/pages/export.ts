/** From a template to a file of another program's format. */
import type { Locator } from '@playwright/test';
import { WizardPage } from './wizard.ts';

export class ExportPage extends WizardPage {
  get start(): Locator {
    return this.button('export.start');
  }

  get folder(): Locator {
    return this.page.getByLabel(this.t('export.folder'));
  }

  get fileName(): Locator {
    return this.page.getByLabel(this.t('export.fileName'));
  }

  get password(): Locator {
    return this.page.getByLabel(this.t('export.password')).first();
  }

  async chooseFormat(name: RegExp): Promise<void> {
    await this.page.getByRole('radio', { name }).check();
  }

  async sayFile(folder: string, fileName?: string): Promise<void> {
    await this.next.click();
    await this.type(this.folder, folder);
    if (fileName !== undefined) await this.fileName.fill(fileName);
  }
}
