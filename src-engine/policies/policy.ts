/** What a policy file says: rules as data. */
import { z } from 'zod';
import { RuleSourceSchema, WordsSchema } from '../contract/report.contract.ts';
import { KINDS } from '../contract/template.contract.ts';
import { FACT_IDS } from './facts.ts';

const IdSchema = z
  .string()
  .max(64)
  .regex(/^[a-z0-9]+([.-][a-z0-9]+)*$/);
const scalar = z.union([z.string().max(200), z.number(), z.boolean()]);
const list = z.array(z.string().max(200)).min(1).max(200);
const fact = z.enum(FACT_IDS);

/** One comparison. Of a list, each element has to satisfy it. */
const TestSchema = z.union([
  z.strictObject({ is: scalar }),
  z.strictObject({ isNot: scalar }),
  z.strictObject({ oneOf: list }),
  z.strictObject({ noneOf: list }),
  z.strictObject({ atMost: z.number() }),
  z.strictObject({ atLeast: z.number() }),
  /** the list holds what another fact says */
  z.strictObject({ includes: fact }),
]);
export type Test = z.infer<typeof TestSchema>;

const ConditionSchema = z.strictObject({ fact, test: TestSchema });
export type Condition = z.infer<typeof ConditionSchema>;

const RuleSchema = z.strictObject({
  id: IdSchema,
  when: z.enum(['capture', 'deploy', 'always']),
  /** the rule speaks only where all of these hold */
  if: z.array(ConditionSchema).max(10).default([]),
  fact,
  test: TestSchema,
  severity: z.enum(['warn', 'block']),
  canOverride: z.boolean().default(false),
  reason: WordsSchema,
  wayOut: WordsSchema,
  /** where it differs from the policy's own */
  source: RuleSourceSchema.optional(),
  contradicts: z.array(IdSchema).max(10).default([]),
});
export type Rule = z.infer<typeof RuleSchema>;

export const PolicyFileSchema = z.strictObject({
  id: IdSchema,
  name: WordsSchema,
  /** the kinds of templates that may live under it; none: its rules are there to be included */
  kinds: z.array(z.enum(KINDS)).max(4),
  /** what its kinds live under where no policy is named: one of ours for each kind, never a lab's own */
  isDefault: z.boolean().default(false),
  source: RuleSourceSchema,
  includes: z.array(IdSchema).max(10).default([]),
  rules: z.array(RuleSchema).max(500),
});

export interface Policy extends z.infer<typeof PolicyFileSchema> {
  /** '' for those that come with Diskpress */
  readonly path: string;
}
