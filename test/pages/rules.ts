/** What the rules say, in a plan and on a template's page. */
import type { Locator } from '@playwright/test';
import { AppPage } from './page.ts';

export class RulesSection extends AppPage {
  get section(): Locator {
    return this.page.getByRole('region', { name: this.t('rules.title') });
  }

  get kind(): Locator {
    return this.page.getByLabel(this.t('template.kind'));
  }

  get policy(): Locator {
    return this.page.getByLabel(this.t('report.policy'));
  }

  get machine(): Locator {
    return this.page.getByLabel(this.t('rules.machineFor'));
  }

  get save(): Locator {
    return this.section.getByRole('button', { name: this.t('rules.save') });
  }

  /** what a person takes upon themselves */
  get take(): Locator {
    return this.section.getByRole('checkbox', { name: this.t('rules.take') });
  }

  /** rules that are not shown at once: what passed, and what could not be checked */
  get folds(): Locator {
    return this.section.locator('.fold');
  }

  line(text: string): Locator {
    return this.section.getByRole('listitem').filter({ hasText: text });
  }

  get blocks(): Locator {
    return this.section.locator('.line.block');
  }
}
