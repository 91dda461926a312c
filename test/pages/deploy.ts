/** From a template to a disk or a file. */
import type { Locator } from '@playwright/test';
import { WizardPage } from './wizard.ts';

export class DeployPage extends WizardPage {
  get start(): Locator {
    return this.button('deploy.start');
  }

  get erase(): Locator {
    return this.button('deploy.startErasing');
  }

  get startSeveral(): Locator {
    return this.button('deploy.startSeveral');
  }

  /** the rows of several targets */
  get targets(): Locator {
    return this.page.getByRole('list', { name: this.t('deploy.targets') }).locator('> li');
  }

  /** opens or closes the row of one of several targets, from 1 */
  target(number: number): Locator {
    return this.targets.nth(number - 1).locator('[aria-expanded]');
  }

  get add(): Locator {
    return this.button('deploy.addTarget');
  }

  get addMachine(): Locator {
    return this.button('deploy.addMachine');
  }

  remove(number: number): Locator {
    return this.button('deploy.removeTarget', { number });
  }

  /** what the plan says of one of several targets, from 1 */
  planned(number: number): Locator {
    return this.page.locator('.part').nth(number - 1);
  }

  get size(): Locator {
    return this.page.getByLabel(this.t('deploy.size'));
  }

  /** the ends of volumes that can be dragged */
  get handles(): Locator {
    return this.page.getByRole('slider');
  }

  handle(volume: string): Locator {
    return this.page.getByRole('slider', { name: this.t('resize.handle', { volume }) });
  }

  volumeSize(volume: string): Locator {
    return this.page.getByRole('textbox', { name: this.t('resize.typed', { volume }) });
  }

  volumeChoice(volume: string): Locator {
    return this.page.getByRole('combobox', { name: this.t('resize.choose', { volume }) });
  }

  get volumes(): Locator {
    return this.page.getByRole('list', { name: this.t('resize.volumes') });
  }

  get byTarget(): Locator {
    return this.page.getByRole('region', { name: this.t('resize.byTarget') });
  }

  /** one subject of what becomes of the inside, folded or not */
  section(key: string): Locator {
    return this.page.locator('details.section').filter({ has: this.page.getByRole('heading', { name: this.t(key) }) });
  }

  async unfold(key: string): Promise<void> {
    await this.section(key).locator('summary').click();
  }

  field(key: string): Locator {
    return this.page.getByRole('textbox', { name: this.t(key) });
  }

  get fresh(): Locator {
    return this.page.getByRole('radio', { name: this.t('inside.identity.fresh') });
  }
  get kept(): Locator {
    return this.page.getByRole('radio', { name: this.t('inside.identity.keep') });
  }

  get exact(): Locator {
    return this.page.getByRole('checkbox', { name: this.t('deploy.exact') });
  }

  /** the field for what has to be typed before something is erased */
  confirmation(word: string): Locator {
    return this.page.getByRole('textbox', { name: this.t('deploy.confirm', { word }) });
  }

  /** A machine that is to be made. */
  async chooseNewMachine(name: string): Promise<void> {
    await this.page.getByText(this.t('place.newVm'), { exact: true }).click();
    await this.type(this.field('vmForm.name'), name);
  }

  /** from the targets to the plan, with nothing changed on the way */
  async seeWholePlan(): Promise<void> {
    await this.next.click();
    await this.next.click();
    await this.seePlan.click();
  }

  async chooseTemplate(name: RegExp): Promise<void> {
    await this.page.getByRole('radio', { name }).check();
    await this.next.click();
  }

  async planFile(path: string): Promise<void> {
    await this.chooseFile(path);
    await this.seeWholePlan();
  }

  async planDisk(path: string): Promise<void> {
    await this.disk(path).check();
    await this.seeWholePlan();
  }
}
