/** Whether what is put into volumes has room there, as far as it can be told before anything is written. */
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import type { DiskView } from '../../contract/disk.contract.ts';
import type { VolumeChanges, VolumeStep } from '../../writers/steps.port.ts';

const BLOCK_BYTES = 4096;
/** What a file takes beside its content: an inode, an entry in its folder, blocks that say where it lies. */
const FILE_BYTES = 2 * BLOCK_BYTES;

/** What changes of one volume need at most. */
export interface NeededRoom {
  readonly ref: string;
  /** the largest of its files, as the guest sees it */
  readonly path: string;
  readonly lengthBytes: number;
}

/** What is removed by the same changes is not counted: it comes as an addition. */
export function neededRoom({ ref, kind, steps }: VolumeChanges): NeededRoom {
  // a mounted file system has both for a while; of the others the old file goes first
  const isReplaced = /^(?:ext|fat)/.test(kind);
  const files = steps.flatMap((step): { step: VolumeStep; lengthBytes: number }[] => {
    if (step.do !== 'put-file')
      return step.do === 'make-folder' && !step.isThere ? [{ step, lengthBytes: FILE_BYTES }] : [];
    const goneBytes = isReplaced ? (step.was?.node?.lengthBytes ?? 0) : 0;
    const blocks = Math.ceil(Math.max(0, step.bytes.length - goneBytes) / BLOCK_BYTES);
    return [{ step, lengthBytes: blocks * BLOCK_BYTES + (isReplaced && step.was ? 0 : FILE_BYTES) }];
  });
  const [largest] = files.toSorted((a, b) => b.lengthBytes - a.lengthBytes);
  return {
    ref,
    path: largest?.step.change.path ?? '/',
    lengthBytes: files.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
  };
}

/** @param disk as it was captured @param planned where volumes get another length @returns the first that has no room; null: all have */
export function withoutRoom(
  needs: readonly NeededRoom[],
  disk: Pick<DiskView, 'volumes' | 'groups'>,
  planned: readonly VolumePlan[],
): NeededRoom | null {
  const all = [...disk.volumes, ...disk.groups.flatMap(({ volumes }) => volumes)];
  const isTight = ({ ref, lengthBytes }: NeededRoom) => {
    const volume = all.find((one) => one.ref === ref);
    const plan = planned.find((one) => one.volume === ref);
    if (!volume) return false;
    const grownBytes = plan ? plan.lengthBytes - plan.beforeBytes : 0;
    return lengthBytes > volume.lengthBytes + grownBytes - volume.usedBytes;
  };
  return needs.find(isTight) ?? null;
}
