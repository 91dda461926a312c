/** Whatever is refused or fails of one of several targets says which: its path, and the disk where the template has several. */
import type { ErrorCode } from '../../contract/errors.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { numberOf, ofDisk } from '../../core/of-disk.ts';
import type { DeployRecord } from '../plan-records.ts';

/** Errors of targets that are thrown where nobody knows their paths. */
const OF_TARGETS: readonly ErrorCode[] = ['VERIFY_MISMATCH', 'TARGET_TOO_SMALL'];

/** @throws EngineError what the work throws, with what names its target */
export function ofTarget<T>(
  { target, disk, diskCount }: Pick<DeployRecord, 'target' | 'disk' | 'diskCount'>,
  work: () => Promise<T>,
): Promise<T> {
  return ofDisk(numberOf(disk - 1, diskCount), () =>
    work().catch((thrown: unknown) => {
      const { code, data, hint } = toEngineError(thrown);
      if (!OF_TARGETS.includes(code) || data.path !== undefined) throw thrown;
      throw new EngineError(code, { ...data, path: target.path }, hint, { cause: thrown });
    }),
  );
}
