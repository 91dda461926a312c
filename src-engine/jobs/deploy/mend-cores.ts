/**
 * GRUB's core in a file of a volume that a program gave another length: where its blocks lie elsewhere now, boot sector and core are led
 * there. Nothing is done where they are where they were, or where the file is not the core that the template had.
 */
import type { JobContext } from '../../core/job-context.ts';
import type { BootAccount, CoreAccount } from '../../boot-chain/boot-account.ts';
import { coreInFile } from '../../boot-chain/core-in-file.ts';
import { openVolumes } from '../../inspection/disk-inspection.ts';
import type { Deployment } from './deployment.ts';
import { targetView } from './target-view.ts';
import { writeOthers } from './write-held.ts';

/**
 * @param before of the template @param after of the target as it is
 * @returns whether anything was written
 * @throws EngineError `READ_FAILED`, `WRITE_FAILED`, `VERIFY_MISMATCH`
 */
export async function mendCores(
  deployment: Deployment,
  before: BootAccount,
  after: BootAccount,
  { signal }: JobContext,
): Promise<boolean> {
  if (deployment.plan.request.exact) return false;
  let isMended = false;
  for (const { bootBytes, was, now } of coresOf(before, after)) {
    if (was?.sha256 == null || was.volume === null || now?.sha256 === was.sha256) continue;
    const view = targetView(deployment);
    const volume = (await openVolumes(view)).find(({ ref }) => ref === was.volume);
    const place = after.places.find((one) => one.volume === was.volume);
    const tree = await volume?.fileSystem?.browse?.();
    if (!tree || !place) continue;
    const patches = await coreInFile(view, bootBytes, was, { tree, startBytes: place.startBytes }, signal);
    if (patches) await writeOthers(deployment, patches);
    isMended ||= patches !== null;
  }
  return isMended;
}

interface MovedCore {
  readonly bootBytes: number;
  readonly was: CoreAccount | null | undefined;
  readonly now: CoreAccount | null | undefined;
}

/** That of the first sector, and those of partitions. */
function coresOf(before: BootAccount, after: BootAccount): MovedCore[] {
  const ofPartition = ({ bios }: BootAccount, volume: string) =>
    bios.partitions.find((one) => one.volume === volume)?.core;
  return [
    { bootBytes: 0, was: before.bios.core, now: after.bios.core },
    ...after.places.map(({ volume, startBytes }) => ({
      bootBytes: startBytes,
      was: ofPartition(before, volume),
      now: ofPartition(after, volume),
    })),
  ];
}
