/** Which of several disks something is about: `disk` in its data, from 1. Of one disk alone nothing is said. */
import type { MessageData } from '../contract/errors.ts';
import { EngineError, toEngineError } from './engine-error.ts';

/** @param index from 0 @param count of all disks @returns its number, from 1; null where it is the only one */
export function numberOf(index: number, count: number): number | null {
  return count > 1 ? index + 1 : null;
}

/** @param disk null: there is one only @returns a warning or a check that says which disk it is about */
export function toldOf<T extends { readonly data: MessageData }>(disk: number | null, told: T): T {
  return disk === null ? told : { ...told, data: { ...told.data, disk } };
}

/** @param disk null: there is one only @throws EngineError what the work throws, with the disk; an abort is about none */
export async function ofDisk<T>(disk: number | null, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const error = toEngineError(thrown);
    if (disk === null || error.code === 'ABORTED') throw thrown;
    throw new EngineError(error.code, { ...error.data, disk }, error.hint, { cause: thrown });
  }
}
