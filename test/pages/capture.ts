/** From a disk or an image file to a template. */
import type { Locator } from '@playwright/test';
import { WizardPage } from './wizard.ts';

export class CapturePage extends WizardPage {
  get start(): Locator {
    return this.button('capture.start');
  }

  get level(): Locator {
    return this.page.getByLabel(this.t('capture.compression'));
  }

  unreadable(choice: 'stop' | 'fill'): Locator {
    return this.page.getByRole('radio', { name: this.t(`capture.onUnreadable.${choice}`) });
  }

  /** unfolds what is said of further disks */
  get others(): Locator {
    return this.page.getByText(this.t('capture.others')).first();
  }

  /** Takes a further image file along, as another disk of the same machine. */
  async addFile(path: string): Promise<void> {
    if (!(await this.page.getByLabel(this.t('capture.otherPath')).isVisible())) await this.others.click();
    await this.type(this.page.getByLabel(this.t('capture.otherPath')), path);
  }

  /** From the first step to the plan. @param level of compression, where it is not the usual one */
  async planFile(path: string, name: string, level?: number): Promise<void> {
    await this.chooseFile(path);
    await this.next.click();
    await this.name.fill(name);
    if (level) await this.level.fill(String(level));
    await this.seePlan.click();
  }

  async planDisk(path: string): Promise<void> {
    await this.disk(path).check();
    await this.next.click();
    await this.seePlan.click();
  }
}
