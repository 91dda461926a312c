/** What a volume that gets another length takes of scratch space and of time. */
import type { VolumePlan } from '../../contract/deploy.contract.ts';

/** For the time that is shown: of a scratch copy, written, read and written again. */
const SCRATCH_BYTES_PER_SECOND = 100e6;
const SECONDS_IN_PLACE = 2;
/** What a program writes into a scratch copy beside what it holds. */
export const SCRATCH_SHARE = 1.1;
const SCRATCH_ROOM_BYTES = 64 * 1024 * 1024;

export function scratchFor(
  method: VolumePlan['method'],
  usedBytes: number,
): Pick<VolumePlan, 'scratchBytes' | 'seconds'> {
  const copies = method === 'rebuilt' ? 2 : method === 'scratch' ? 1 : 0;
  const scratchBytes = copies * (Math.ceil(usedBytes * SCRATCH_SHARE) + SCRATCH_ROOM_BYTES);
  const isQuick = method === 'kept' || method === 'made' || method === 'repacked';
  return {
    scratchBytes,
    seconds: isQuick ? 0 : SECONDS_IN_PLACE + (copies * usedBytes) / SCRATCH_BYTES_PER_SECOND,
  };
}
