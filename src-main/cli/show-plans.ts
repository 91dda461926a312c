/** Plans that are only looked at. */
import type { Answer } from './answers.ts';
import type { Printer } from './printer.port.ts';

type PlanAnswer = Extract<Answer, { value: { canRun: boolean } }>;

/**
 * Shows them, and starts nothing: where one of them cannot run, it ends with the refusal that its start would end with.
 * @param start of one that cannot run: the engine refuses it, and is asked for nothing else
 */
export async function showPlans(
  printer: Printer,
  plans: readonly PlanAnswer[],
  start: () => Promise<unknown>,
): Promise<void> {
  const isRefused = plans.some(({ value }) => !value.canRun);
  for (const plan of isRefused ? plans : plans.slice(0, -1)) printer.finding(plan);
  if (isRefused) await start();
  else printer.result(plans.at(-1)!);
}
