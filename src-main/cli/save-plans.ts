/** Plans that are kept in a file, in the words of the command line's language. */
import type { CommandResult, EngineClient } from '../../src-engine/contract/index.ts';
import { refuseExisting, saveWholeFile } from './save-file.ts';
import type { Words } from './words.ts';
import { wrongForm } from './wrong-option.ts';

const FORMATS = { txt: 'text', html: 'html', pdf: 'pdf' } as const;

interface PlanFile {
  readonly path: string;
  readonly format: (typeof FORMATS)[keyof typeof FORMATS];
  readonly overwrite: boolean;
}

/** What is to be saved, before anything is planned. @throws CommandError `BAD_REQUEST`, `OVERWRITE_REQUIRED` */
export function planFile(
  { save, plan, overwrite = false }: { save?: string; plan?: boolean; overwrite?: boolean },
  { t }: Words,
): PlanFile | null {
  if (save === undefined) return null;
  const ending = /\.(txt|html|pdf)$/i.exec(save)?.[1].toLowerCase();
  if (ending === undefined) throw wrongForm(t, '--save', save);
  // who deploys means the targets by it
  const mayReplace = plan === true && overwrite;
  refuseExisting([save], mayReplace);
  return { path: save, format: FORMATS[ending as keyof typeof FORMATS], overwrite: mayReplace };
}

export async function savePlans(
  client: EngineClient,
  plans: CommandResult<'deploy.planAll'>,
  { path, format, overwrite }: PlanFile,
  { language }: Words,
): Promise<void> {
  const { base64 } = await client.call('plan.document', { plans, format, language });
  await saveWholeFile(path, Buffer.from(base64, 'base64'), overwrite);
}
