/** The report of the rules: what each rule of a policy looked at, what it found, why it exists, and what a person can do. */
import { z } from 'zod';
import { KINDS } from './template.contract.ts';

/** In both languages: a lab's own policies bring their words along, so they cannot stand in the room `words`. */
export const WordsSchema = z.strictObject({ en: z.string().min(1).max(2000), fr: z.string().min(1).max(2000) });
export type PolicyWords = z.infer<typeof WordsSchema>;

export const FactValueSchema = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]);
export type FactValue = z.infer<typeof FactValueSchema>;

/** A comparison by its name: is, isNot, oneOf, noneOf, atMost, atLeast, includes (another fact). */
export const TestViewSchema = z.record(z.string(), FactValueSchema);

/** Where a rule comes from. */
export const RuleSourceSchema = z.strictObject({ document: z.string().min(1).max(300), date: z.iso.date() });

export const ReportLineSchema = z.object({
  policy: z.string(),
  rule: z.string(),
  level: z.enum(['pass', 'warn', 'block']),
  /** what it looked at; where that could not be told, the first fact that is unknown */
  fact: z.string(),
  /** null: unknown. A rule about what is unknown warns */
  value: FactValueSchema.nullable(),
  /** where the fact was read: a file, a table, a form */
  origin: z.string(),
  /** the other fact, of a rule that compares two */
  compared: z.object({ fact: z.string(), value: FactValueSchema, origin: z.string() }).nullable(),
  reason: WordsSchema,
  wayOut: WordsSchema,
  source: RuleSourceSchema,
  /** a block that a person may take upon themselves, by naming the rule */
  canOverride: z.boolean(),
  isOverridden: z.boolean(),
  /** rules of the same document that say otherwise */
  contradicts: z.array(z.string()),
});
export type ReportLine = z.infer<typeof ReportLineSchema>;

/** Whether a line warns of what could not be told. */
export const isUnknownLine = ({ level, value }: Pick<ReportLine, 'level' | 'value'>) =>
  level === 'warn' && value === null;

export const PolicyViewSchema = z.object({
  id: z.string(),
  name: WordsSchema,
  kinds: z.array(z.enum(KINDS)),
  /** what a kind lives under where no policy is named */
  isDefault: z.boolean(),
  source: RuleSourceSchema,
  /** '' for those that come with Diskpress, else the path of a lab's own file */
  path: z.string(),
  ruleCount: z.number().int().nonnegative(),
});
export type PolicyView = z.infer<typeof PolicyViewSchema>;

/** One rule as a policy file states it, to be explained. */
export const RuleViewSchema = z.object({
  id: z.string(),
  when: z.enum(['capture', 'deploy', 'always']),
  /** it speaks only where all of these hold */
  if: z.array(z.object({ fact: z.string(), test: TestViewSchema })),
  fact: z.string(),
  test: TestViewSchema,
  severity: z.enum(['warn', 'block']),
  canOverride: z.boolean(),
  reason: WordsSchema,
  wayOut: WordsSchema,
  source: RuleSourceSchema,
  contradicts: z.array(z.string()),
});
export type RuleView = z.infer<typeof RuleViewSchema>;

export const ReportSchema = z.object({
  policy: PolicyViewSchema,
  action: z.enum(['capture', 'deploy']),
  /** what was looked at: a path, or a template's name with its version */
  subject: z.string(),
  /** what it is for: a path; '' where none was named */
  target: z.string(),
  /** name of the machine profile that was asked; '' where no machine is known */
  machine: z.string(),
  createdAt: z.iso.datetime(),
  /** other policies under which the same facts block nothing, where this one blocks */
  others: z.array(PolicyViewSchema),
  /** blocks first, then warnings, then what passed */
  lines: z.array(ReportLineSchema),
});
export type Report = z.infer<typeof ReportSchema>;
