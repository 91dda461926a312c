/** Plans of deploys as a file to keep or to send, before anything is done. */
import type { DeployPlan } from '../contract/plan.contract.ts';
import { htmlOf } from './html.ts';
import { pdfOf } from './pdf.ts';
import { planContent } from './plan-content.ts';
import { planWords } from './plan-words.ts';
import { fileNameOf, type ReportDocument } from './report-document.ts';
import { textOf } from './text.ts';
import type { ReportLanguage } from './words.ts';

export type PlanFormat = 'text' | 'html' | 'pdf';

const FILES = {
  text: { ending: 'txt', mediaType: 'text/plain; charset=utf-8' },
  html: { ending: 'html', mediaType: 'text/html; charset=utf-8' },
  pdf: { ending: 'pdf', mediaType: 'application/pdf' },
};

/** @param plans at least one @param madeAt ISO 8601 */
export async function planDocument(
  plans: readonly DeployPlan[],
  format: PlanFormat,
  language: ReportLanguage,
  madeAt: string,
): Promise<ReportDocument> {
  const content = planContent(plans, planWords(language));
  const { ending, mediaType } = FILES[format];
  const bytes =
    format === 'pdf'
      ? await pdfOf(content, language, madeAt)
      : Buffer.from(format === 'html' ? htmlOf(content, language) : textOf(content, language));
  return { fileName: fileNameOf('plan', plans[0].templateName, madeAt, ending), mediaType, bytes };
}
