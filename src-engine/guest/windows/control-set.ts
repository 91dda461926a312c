/** Which of the sets of settings in the hive SYSTEM Windows starts with. */
import type { HiveFile } from './hive-file.ts';

/** @returns the name of the key */
export async function currentControlSet(system: HiveFile): Promise<string> {
  return controlSetName(await system.number('Select', 'Current'));
}

/** @param current as `Select` says; null: it does not */
export const controlSetName = (current: number | null): string => `ControlSet${String(current ?? 1).padStart(3, '0')}`;
