/** Files that a command writes beside its answer: a report, a profile. */
import { existsSync } from 'node:fs';
import { CommandError } from '../../src-engine/contract/index.ts';

export { saveWholeFile } from '../../src-engine/host/saved-file.ts';

/** @throws CommandError `OVERWRITE_REQUIRED` for the first that is there, unless it may be overwritten */
export function refuseExisting(paths: readonly (string | undefined)[], overwrite: boolean): void {
  const path = overwrite ? undefined : paths.find((one) => one !== undefined && existsSync(one));
  if (path !== undefined) {
    throw new CommandError({ code: 'OVERWRITE_REQUIRED', message: path, hint: '', data: { path } });
  }
}
