/** Opens block devices so that nobody else may claim them (open(2), O_EXCL). */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Long enough for whoever only asks: udev's workers, another Diskpress that lists disks, `losetup`. Who claims a disk keeps it. */
const PATIENCE_MS = 400;
const PAUSE_MS = 20;

/**
 * @param flags of `open`, without O_EXCL
 * @param isPatient waits for whoever leaves within a moment
 * @throws the error of `open`; EBUSY where the device, or one of its partitions, has been claimed for more than a moment
 */
export async function openExclusively(devicePath: string, flags: number, isPatient: boolean): Promise<FileHandle> {
  const giveUpAt = Date.now() + (isPatient ? PATIENCE_MS : 0);
  for (;;) {
    try {
      return await open(devicePath, flags | constants.O_EXCL);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || Date.now() >= giveUpAt) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
