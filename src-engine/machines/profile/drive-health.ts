/** What a drive says of its own health, through smartctl, where that is installed and may open the drive. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Drive } from '../../contract/machine.contract.ts';

const run = promisify(execFile);
const TIMEOUT_MS = 5000;

/** smartctl tells by bits of its exit code what it saw, and prints all the same: smartctl(8), "EXIT STATUS". */
export async function driveHealth(devicePath: string): Promise<Drive['health']> {
  const options = { timeout: TIMEOUT_MS, encoding: 'utf8' as const };
  const output = await run('smartctl', ['--health', '--json', '--nocheck=standby', devicePath], options).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout ?? '',
  );
  return healthIn(output);
}

/** @param output of `smartctl --health --json` */
export function healthIn(output: string): Drive['health'] {
  try {
    const passed = (JSON.parse(output) as { smart_status?: { passed?: unknown } }).smart_status?.passed;
    return passed === true ? 'good' : passed === false ? 'failing' : null;
  } catch {
    return null;
  }
}
