/** Imports and exports as tests ask for them. */
import type { CommandParams } from '../../src-engine/contract/commands.ts';
import type { ExportFormat, ExportPlan } from '../../src-engine/contract/import.contract.ts';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import type { TestEngine } from './engine.ts';

export async function importFrom(
  { client, ended }: TestEngine,
  path: string,
  name: string,
  more: Partial<CommandParams<'import.plan'>> = {},
): Promise<JobView> {
  const { planId } = await client.call('import.plan', { path, name, ...more });
  return ended((await client.call('import.start', { planId })).jobId);
}

export async function exportTo(
  { client, ended }: TestEngine,
  template: string,
  format: ExportFormat,
  path: string,
  { password, overwrite }: { password?: string; overwrite?: boolean } = {},
): Promise<{ plan: ExportPlan; job: JobView }> {
  const plan = await client.call('export.plan', { template, format, path, password });
  const { jobId } = await client.call('export.start', { planId: plan.planId, overwrite });
  return { plan, job: await ended(jobId) };
}
