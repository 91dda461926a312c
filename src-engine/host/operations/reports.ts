/** Rules, and what they say of a source or a template. */
import { checkSourceRules, checkTemplateRules } from '../../judgement/check.ts';
import { openRulebook, policyList, policyRules } from '../../judgement/rulebook.ts';
import { planDocument } from '../../report/plan-document.ts';
import { reportDocument, type ReportDocument } from '../../report/report-document.ts';
import { templateNamed } from './named-template.ts';
import type { Host, Operations } from './operations.ts';

export const reportOperations = ({
  catalog,
}: Host): Operations<'report.check' | 'report.document' | 'plan.document' | 'policy.list' | 'policy.show'> => ({
  'report.check': (params, signal) => {
    const template = templateNamed(catalog, params.subject);
    return template
      ? checkTemplateRules(catalog.looking, template, params, signal)
      : checkSourceRules(catalog.looking, params, signal);
  },
  'report.document': async ({ report, format, language }) => sent(await reportDocument(report, format, language)),
  'plan.document': async ({ plans, format, language }) =>
    sent(await planDocument(plans, format, language, new Date().toISOString())),
  'policy.list': async () => policyList(await openRulebook(catalog.looking), catalog.looking.layout.policies),
  'policy.show': async ({ policy }) => policyRules(await openRulebook(catalog.looking), policy),
});

const sent = ({ fileName, mediaType, bytes }: ReportDocument) => ({
  fileName,
  mediaType,
  base64: Buffer.from(bytes).toString('base64'),
});
