/**
 * An engine in a process of its own, to be killed. Arguments: the catalog, then commands as JSON: `[command, params]`. A command
 * that plans is followed by its start, a job is waited for; everything that happens to jobs is printed, one line each, and a command
 * without one when it was answered. With a third element, `beside`, the next command does not wait for its job.
 */
import { fileURLToPath } from 'node:url';
import type { CommandName, CommandParams, CommandResult } from '../../src-engine/contract/commands.ts';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import { startEngine } from '../../src-engine/host/start-engine.ts';

const [catalogPath, ...commands] = process.argv.slice(2);
const engine = await startEngine({
  catalogPath,
  version: '0.0.0',
  resourcesPath: fileURLToPath(new URL('../../resources', import.meta.url)),
});
const client = engine.client();
const say = (line: string) => process.stdout.write(`${line}\n`);

let phase = '';
const ended = new Map<string, JobView>();
const beside: string[] = [];
let wake = () => {};
client.subscribe('jobs', (job) => {
  if (job.progress && job.state === 'running' && job.progress.phase !== phase)
    say(`phase ${(phase = job.progress.phase)}`);
  if (job.state === 'ended') ended.set(job.id, job);
  wake();
});

async function untilEnded(jobId: string): Promise<void> {
  while (!ended.has(jobId)) await new Promise<void>((resolve) => (wake = resolve));
  const { outcome, error } = ended.get(jobId)!;
  say(`ended ${outcome} ${error?.message ?? ''}`);
}

for (const text of commands) {
  const [command, { confirm, overwrite, ...params }, how] = JSON.parse(text) as [
    CommandName,
    Record<string, unknown>,
    string?,
  ];
  const told = await client.call(command, params as CommandParams<typeof command>);
  const answer = told as Record<string, string>;
  let { jobId } = answer;
  if (command === 'capture.plan') ({ jobId } = await client.call('capture.start', { planId: answer.planId }));
  if (command === 'import.plan') ({ jobId } = await client.call('import.start', { planId: answer.planId }));
  if (command === 'export.plan') ({ jobId } = await client.call('export.start', { planId: answer.planId }));
  if (command === 'deploy.plan') {
    const agreed = { confirm: confirm as string | undefined, overwrite: overwrite === true };
    ({ jobId } = await client.call('deploy.start', { planId: answer.planId, ...agreed }));
  }
  if (command === 'deploy.planAll') {
    const starts = (told as CommandResult<typeof command>).map(({ planId }) => ({ planId }));
    ({ jobId } = await client.call('deploy.startAll', { starts }));
  }
  if (!jobId) {
    say(`answered ${command}`);
    continue;
  }
  phase = '';
  say(`job ${jobId}`);
  if (how === 'beside') beside.push(jobId);
  else await untilEnded(jobId);
}
for (const jobId of beside) await untilEnded(jobId);
await engine.close();
