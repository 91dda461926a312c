/** What the rules of a kind say of a capture or a deploy: the report, and what it depends on. */
export { useFactWords } from './fact-words.ts';
export { asked, useRuleQuestion, type RuleQuestion } from './rule-question.ts';
export { default as RuleChoice } from './RuleChoice.vue';
export { default as RuleReport } from './RuleReport.vue';
export { default as RuleSection } from './RuleSection.vue';
export { default as SaveDocument } from './SaveDocument.vue';
