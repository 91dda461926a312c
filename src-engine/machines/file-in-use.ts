import type { Refusal } from '../contract/disk.contract.ts';
import { thisMachine } from './this-machine.ts';

/**
 * Who else uses an image file: `MOUNTED_READ_WRITE` and `MOUNTED` (read-only) through a loop device, with mount points;
 * `IN_USE` by swap, RAID, LVM, or another process that writes to it or has locked it for that. Read-only, it may still be
 * captured. What processes of other users have open is seen by root only, their locks by everybody.
 * @returns no refusals for a file that nobody uses or that does not exist, and on platforms that do not tell
 */
export async function fileInUse(filePath: string, machine = thisMachine()): Promise<Refusal[]> {
  return machine.fileInUse(filePath);
}
