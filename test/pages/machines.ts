/** Profiles of machines: listed, imported, typed in. */
import type { Locator } from '@playwright/test';
import { AppPage } from './page.ts';

export class MachinesPage extends AppPage {
  /** the panel of a machine, or of what is imported */
  opened(name: string): Locator {
    return this.page.getByRole('complementary', { name });
  }

  /** the panel in which a profile is brought in */
  get importing(): Locator {
    return this.opened(this.t('machines.import'));
  }

  get path(): Locator {
    return this.importing.getByLabel(this.t('machines.path'));
  }

  get save(): Locator {
    return this.button('machines.saveProfile');
  }

  /** a list of parts in the form: drives, arrays, graphics, networks */
  parts(place: number): Locator {
    return this.page.locator('.parts').nth(place);
  }
}
