/** From images of other tools to templates. */
import type { Locator } from '@playwright/test';
import { WizardPage } from './wizard.ts';

export class ImportPage extends WizardPage {
  get start(): Locator {
    return this.button('import.start');
  }

  get path(): Locator {
    return this.page.getByLabel(this.t('import.path'));
  }

  get queue(): Locator {
    return this.page.getByRole('list', { name: this.t('import.waiting') });
  }

  get startAll(): Locator {
    return this.page.locator('.all').getByRole('button');
  }

  get operatingSystem(): Locator {
    return this.page.getByLabel(this.t('configuration.operatingSystem'));
  }

  remove(name: string): Locator {
    return this.button('import.remove', { name });
  }

  takeAs(format: string): Locator {
    return this.button('image.takeAs', { format: this.t(`imageFormat.${format}`) });
  }

  /** one of the images of an archive */
  entry(place: number): Locator {
    return this.queue.getByRole('radio').nth(place);
  }

  async add(path: string): Promise<void> {
    await this.path.fill(path);
    await this.path.press('Tab');
  }

  async unlock(password: string): Promise<void> {
    await this.page.getByLabel(this.t('import.password'), { exact: true }).fill(password);
    await this.button('import.unlock').click();
  }

  async sayFormat(format: string): Promise<void> {
    await this.choose(this.imageFormat, this.t(`imageFormat.${format}`));
  }
}
