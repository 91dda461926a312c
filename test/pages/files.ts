/** The files of a template. */
import type { Locator } from '@playwright/test';
import { AppPage } from './page.ts';

export class FilesPage extends AppPage {
  get grid(): Locator {
    return this.page.getByRole('grid');
  }

  row(name: string): Locator {
    return this.grid.getByRole('row').filter({ has: this.page.getByText(name, { exact: true }) });
  }

  /** the row that the keyboard is on */
  get active(): Locator {
    return this.grid.locator('[role=row][aria-selected=true]');
  }

  get aside(): Locator {
    return this.page.getByRole('complementary', { name: this.t('files.panel') });
  }

  preview(name: string): Locator {
    return this.aside.getByRole('region', { name: this.t('files.preview.of', { name }) });
  }

  get typedPath(): Locator {
    return this.page.getByRole('textbox', { name: this.t('files.typedPath') });
  }

  get typePath(): Locator {
    return this.button('files.typePath');
  }

  get saveFolder(): Locator {
    return this.button('files.saveFolder');
  }
}
