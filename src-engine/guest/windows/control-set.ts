/** Which of the sets of settings in the hive SYSTEM Windows starts with. */
import type { HiveFile } from './hive-file.ts';

/** @returns the name of the key */
export async function currentControlSet(system: HiveFile): Promise<string> {
  const current = await system.number('Select', 'Current');
  return `ControlSet${String(current ?? 1).padStart(3, '0')}`;
}
