/** What a line of `--json` is, as schemas made from the contract: documentation and tests read them, programs may. */
import { z } from 'zod';
import {
  CapturePlanSchema,
  COMMANDS,
  ComparisonSchema,
  DeployPlanSchema,
  ErrorViewSchema,
  ExportPlanSchema,
  ImportPlanSchema,
  JobViewSchema,
  MachineProfileSchema,
  NbdViewSchema,
  VmSchema,
  ProgressSchema,
  ReportSchema,
  WaitsForSchema,
} from '../../src-engine/contract/index.ts';
import type { Answer } from './answers.ts';

/** The value of each kind of result and event. */
export const VALUES = {
  devices: COMMANDS['device.list'].result,
  inspection: COMMANDS['source.inspect'].result,
  templates: COMMANDS['template.list'].result,
  template: COMMANDS['template.show'].result,
  'capture-plan': CapturePlanSchema,
  'deploy-plan': DeployPlanSchema,
  'import-view': COMMANDS['import.look'].result,
  'import-plan': ImportPlanSchema,
  'export-plan': ExportPlanSchema,
  job: JobViewSchema,
  jobs: COMMANDS['job.list'].result,
  log: COMMANDS['log.list'].result,
  'file-volumes': COMMANDS['files.volumes'].result,
  files: COMMANDS['files.list'].result,
  report: ReportSchema,
  policies: COMMANDS['policy.list'].result,
  policy: COMMANDS['policy.show'].result,
  machine: MachineProfileSchema,
  machines: COMMANDS['machine.list'].result,
  'machines-refused': COMMANDS['machine.refused'].result,
  comparison: ComparisonSchema,
  hypervisors: COMMANDS['vm.list'].result,
  hosts: COMMANDS['host.list'].result,
  vm: VmSchema,
  nbd: NbdViewSchema,
  served: COMMANDS['vm.served'].result,
  owed: COMMANDS['pledge.list'].result,
  serving: z.object({ address: z.string() }),
  completion: z.object({ shell: z.string(), script: z.string() }),
} satisfies Record<Answer['kind'], z.ZodType>;

const kinds = Object.entries(VALUES);

/** The lines, by what they are. The last line of a command is a `result`, or a `failure`. */
const LINES = {
  progress: z.object({
    type: z.literal('progress'),
    job: z.uuid(),
    state: JobViewSchema.shape.state,
    ...ProgressSchema.partial().shape,
    waitsFor: WaitsForSchema.optional(),
    parts: JobViewSchema.shape.parts.optional(),
  }),
  event: z.union(kinds.map(([kind, value]) => z.object({ type: z.literal('event'), event: z.literal(kind), value }))),
  result: z.union(
    kinds.map(([kind, value]) =>
      z.object({ type: z.literal('result'), ok: z.literal(true), kind: z.literal(kind), value }),
    ),
  ),
  failure: z.object({ type: z.literal('result'), ok: z.literal(false), error: ErrorViewSchema }),
} satisfies Record<string, z.ZodType>;

/** One JSON Schema (2020-12) for every line. Fields that later versions add are no error. */
export function lineSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(z.union(Object.values(LINES)), {
    io: 'output',
    reused: 'ref',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      delete jsonSchema.additionalProperties;
      // properties of Unicode are not in every language's expressions
      if (jsonSchema.pattern?.includes('\\p')) delete jsonSchema.pattern;
    },
  });
  return { ...schema, title: 'A line of diskpress --json' };
}
