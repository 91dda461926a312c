/** Volumes in which a system may lie that is not seen, since they cannot be looked into: nothing in them gets an identity of its own. */
import type { DiskView } from '../../contract/disk.contract.ts';
import type { MessageData } from '../../contract/errors.ts';
import type { OpenedDisk } from './opened-disk.ts';

/** Words: `guestReason.REASON`. */
const REASONS = ['encrypted', 'several-disks', 'damaged', 'unknown-kind'] as const;
type Reason = (typeof REASONS)[number];

export interface NotLookedInto {
  readonly reason: Reason;
  /** see {@link DiskView.volumes} */
  readonly volumes: readonly string[];
}

const ENCRYPTED = ['luks', 'bitlocker'];
/** What no system starts from that is on a disk to stay: swap space, discs, and what a boot loader lies in. */
const NO_SYSTEM = /^(?:swap|swsuspend|iso9660|udf|squashfs|cramfs|romfs|jbd|v?fat|exfat|hfs)$/;

/**
 * @param disk as it was captured
 * @returns those of the reason that says most; null where everything has been looked into
 */
export function notLookedInto(
  { volumes, input }: Pick<OpenedDisk, 'volumes' | 'input'>,
  disk: Pick<DiskView, 'volumes' | 'groups'>,
): NotLookedInto | null {
  const halves = new Set(
    disk.groups
      .filter(({ missingMembers, volumes: inner }) => missingMembers > 0 || inner.length === 0)
      .flatMap(({ members }) => members.map((index) => disk.volumes[index]?.ref)),
  );
  const found = new Map<Reason, string[]>();
  for (const { ref, fileSystem, recognised, refusal } of volumes) {
    const hasTree = input.volumes.some((one) => one.ref === ref && one.tree !== null);
    const reason = hasTree
      ? null
      : reasonOf(halves.has(ref), (fileSystem?.browse ?? null) !== null, recognised, refusal);
    if (reason) found.set(reason, [...(found.get(reason) ?? []), ref]);
  }
  const first = REASONS.find((reason) => found.has(reason));
  return first ? { reason: first, volumes: found.get(first)! } : null;
}

/** @param isBrowsable its files should be readable, and are not @param refusal why what is there is not read */
function reasonOf(isHalf: boolean, isBrowsable: boolean, recognised: string | null, refusal: unknown): Reason | null {
  if (recognised !== null && ENCRYPTED.includes(recognised)) return 'encrypted';
  // the volumes of groups that are whole, and of one half of a mirror, are looked at by themselves
  const isMember = recognised === 'lvm2' || recognised === 'md-raid';
  if (isMember && !refusal) return null;
  if (isHalf) return 'several-disks';
  if (isBrowsable) return 'damaged';
  if (recognised === null || NO_SYSTEM.test(recognised)) return refusal ? 'damaged' : null;
  if (isMember) return 'damaged';
  return /_raid_member$/.test(recognised) ? 'several-disks' : 'unknown-kind';
}

/** As messages tell it. */
export const notLookedIntoData = ({ reason, volumes }: NotLookedInto, target: string): MessageData => ({
  target,
  volumes: [...volumes],
  reason,
});
