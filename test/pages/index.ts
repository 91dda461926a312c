/** Every page as the end-to-end tests and the pictures use it: what a person sees and does there, in either language. */
import type { Page } from '@playwright/test';
import { CapturePage } from './capture.ts';
import { DeployPage } from './deploy.ts';
import { ExportPage } from './export.ts';
import { FilesPage } from './files.ts';
import { ImportPage } from './import.ts';
import { JobsPage } from './jobs.ts';
import { MachinesPage } from './machines.ts';
import { AppPage } from './page.ts';
import { RulesSection } from './rules.ts';
import { TemplatePage } from './template.ts';
import type { Language } from '../../src-engine/words/languages.ts';
import { wordsIn } from './words.ts';

export function pagesOf(page: Page, language: Language = 'en') {
  const words = wordsIn(language);
  return {
    page,
    t: words,
    any: new AppPage(page, words),
    capture: new CapturePage(page, words),
    deploy: new DeployPage(page, words),
    import: new ImportPage(page, words),
    export: new ExportPage(page, words),
    template: new TemplatePage(page, words),
    files: new FilesPage(page, words),
    rules: new RulesSection(page, words),
    machines: new MachinesPage(page, words),
    jobs: new JobsPage(page, words),
  };
}

export type Pages = ReturnType<typeof pagesOf>;
