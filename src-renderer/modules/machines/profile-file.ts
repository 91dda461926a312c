/** Profiles as JSON files: those that a person chooses in the page, and those that the page hands out. */
import { CommandError, MachineProfileSchema, type MachineProfile } from '../../../src-engine/contract/index.ts';
import { download } from '../../client/download.ts';

/** As the engine has it for files that it reads itself. */
const MAX_BYTES = 1024 * 1024;

/**
 * Reads a file that stays where it is: nothing but its text comes into the page.
 * @throws CommandError `FORMAT_INVALID` with the field that is wrong
 */
export async function readProfileFile(file: File): Promise<MachineProfile> {
  const wrong = (field: string, value: string) =>
    new CommandError({ code: 'FORMAT_INVALID', message: '', hint: '', data: { path: file.name, field, value } });
  if (file.size > MAX_BYTES) throw wrong('length', String(file.size));
  let content: unknown;
  try {
    content = JSON.parse(await file.text());
  } catch (error) {
    throw wrong('JSON', (error as Error).message);
  }
  const parsed = MachineProfileSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw wrong(issue.path.join('.') || 'profile', issue.message);
}

export function downloadProfile(profile: MachineProfile) {
  const name = profile.name.replace(/[^\p{L}\p{N}-]+/gu, '-').slice(0, 60);
  download(`${name}.json`, new Blob([`${JSON.stringify(profile, null, 2)}\n`], { type: 'application/json' }));
}
