/** Volumes of a made-up deploy: what the engine could answer for a template, a target and what was chosen. */
import type { Check, DeployPlan, DiskView, VolumeChoice, VolumePlan } from '../../../src-engine/contract/index.ts';

const MIB = 2 ** 20;
const FIXED = ['fat32', 'exfat', 'luks', 'bitlocker', 'md-raid', 'unknown'];
const TOOLS: Record<string, string[]> = { ext4: ['e2fsck', 'resize2fs'], ntfs: ['ntfsresize'], xfs: ['xfs_growfs'] };

function planned(view: DiskView['volumes'][number], asked: number): VolumePlan {
  const volume = String(view.number ?? 0);
  const kind = view.fileSystem?.kind ?? view.recognised ?? 'unknown';
  const fixed = { code: 'VOLUME_FIXED_LENGTH' as const, data: { volume, fileSystem: kind } };
  const cannot = FIXED.includes(kind);
  const isShorter = asked < view.lengthBytes;
  const method = asked === view.lengthBytes ? 'kept' : kind === 'swap' ? 'made' : isShorter ? 'scratch' : 'in-place';
  return {
    volume,
    beforeStartBytes: view.startBytes,
    beforeBytes: view.lengthBytes,
    minimumBytes:
      cannot || kind === 'lvm2' ? view.lengthBytes : kind === 'swap' ? 64 * MIB : Math.round(view.usedBytes * 1.12),
    ...(cannot && { cannotGrow: fixed }),
    ...((cannot || kind === 'lvm2') && { cannotShrink: fixed }),
    startBytes: view.startBytes,
    lengthBytes: asked,
    method,
    tools: method === 'kept' || method === 'made' ? [] : (TOOLS[kind] ?? ['lvm']),
    needsRoot: kind === 'lvm2' || kind === 'xfs',
    scratchBytes: method === 'scratch' ? Math.round(view.usedBytes * 1.1) : 0,
    seconds: method === 'scratch' ? 340 : method === 'in-place' ? 2 : 0,
  };
}

/** The last large one that can takes what is there more, or gives what is missing. */
export function fakeVolumes(
  disk: DiskView,
  targetBytes: number,
  choices: readonly VolumeChoice[],
): Pick<DeployPlan, 'volumes' | 'after' | 'checks'> {
  const checks: Check[] = [];
  const volumes = disk.volumes.map((view) => {
    const size = choices.find(({ volume }) => volume === String(view.number ?? 0))?.size;
    const plan = planned(view, view.lengthBytes);
    const asked = size === 'shrink' ? plan.minimumBytes : typeof size === 'number' ? size : view.lengthBytes;
    if (asked >= plan.minimumBytes) return planned(view, Math.round(asked));
    const data = { volume: plan.volume, askedBytes: asked, minimumBytes: plan.minimumBytes };
    checks.push({ code: 'VOLUME_TOO_SMALL', level: 'block', data });
    return plan;
  });
  const isFree = ({ volume, cannotGrow }: VolumePlan) =>
    !cannotGrow && !choices.some((one) => one.volume === volume && one.size !== 'grow');
  const large = Math.max(0, ...volumes.map(({ beforeBytes }) => beforeBytes)) / 4;
  const taker = volumes.findLastIndex((one) => isFree(one) && one.beforeBytes >= large);
  const end = volumes.reduce((last, { startBytes, lengthBytes, beforeBytes }) => {
    return Math.max(last, startBytes + Math.max(lengthBytes, beforeBytes));
  }, 0);
  const change = volumes.reduce((sum, { lengthBytes, beforeBytes }) => sum + lengthBytes - beforeBytes, 0);
  const spare = Math.floor((targetBytes - 2 * MIB - end - change) / MIB) * MIB;
  if (taker >= 0 && (spare < 0 || targetBytes > disk.lengthBytes)) {
    const { beforeBytes, minimumBytes } = volumes[taker];
    const wanted = Math.max(minimumBytes, beforeBytes + spare);
    volumes[taker] = planned(disk.volumes[taker], Math.round(wanted));
  }
  let shift = 0;
  for (const volume of volumes) {
    volume.startBytes += shift;
    shift += Math.ceil((volume.lengthBytes - volume.beforeBytes) / MIB) * MIB;
  }
  const last = volumes.at(-1);
  if (last && last.startBytes + last.lengthBytes > targetBytes) {
    const data = { targetBytes, requiredBytes: last.startBytes + last.lengthBytes };
    checks.push({ code: 'TARGET_TOO_SMALL', level: 'block', data });
  }
  const after = {
    ...disk,
    lengthBytes: targetBytes,
    volumes: disk.volumes.map((view, i) => ({
      ...view,
      startBytes: volumes[i].startBytes,
      lengthBytes: volumes[i].lengthBytes,
    })),
  };
  return { volumes, after, checks };
}
