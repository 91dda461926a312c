/** How a volume gets its length, what that takes, and what stands against it, in words. */
import { useI18n } from 'vue-i18n';
import type { DeployPlan, LengthRefusalView, VolumePlan } from '../../../../src-engine/contract/index.ts';
import { useFormat } from '../../../client/format.ts';
import { useWords } from '../../../client/words.ts';
import { useVolumeWords } from '../../../ui/index.ts';

/** Nobody has a program for it. */
const NO_WAY = 'VOLUME_FIXED_LENGTH';
/** Checks that are about lengths and places, and name no volume. */
const OF_ALL = [
  'TARGET_TOO_SMALL',
  'TARGET_ROOM_UNUSED',
  'VOLUMES_RIGID',
  'VOLUMES_NOT_WRITTEN',
  'VOLUME_SCRATCH_SPACE_LOW',
];

export const isMoved = ({ startBytes, beforeStartBytes }: VolumePlan) => startBytes !== beforeStartBytes;
export const isResized = ({ lengthBytes, beforeBytes }: VolumePlan) => lengthBytes !== beforeBytes;

/** Call it in a component's set-up. */
export function useVolumeHow() {
  const { t } = useI18n();
  const { bytes, estimate, list } = useFormat();
  const words = useWords();
  const volumeWords = useVolumeWords();

  /** `By resize2fs, on the target. Needs root. About 2 min.` */
  function how(volume: VolumePlan): string {
    const { method, tools, needsRoot, scratchBytes, seconds } = volume;
    const key = method === 'kept' && isMoved(volume) ? 'moved' : method;
    const parts = [t(`resize.how.${key}`, { tools: list(tools) })];
    if (needsRoot) parts.push(t('resize.needsRoot'));
    if (scratchBytes > 0) parts.push(t('resize.scratch', { size: bytes(scratchBytes) }));
    if (seconds > 0) parts.push(t('resize.takes', { time: estimate(seconds * 1000) }));
    return parts.join(' ');
  }

  /** Why its length is what it is; one sentence where both have one reason. */
  function fixed({ cannotGrow, cannotShrink }: VolumePlan): string[] {
    if (cannotGrow?.code === NO_WAY && cannotShrink?.code === NO_WAY) return [noWay('both', cannotGrow)];
    const said = [
      cannotGrow &&
        (cannotGrow.code === NO_WAY ? noWay('grow', cannotGrow) : words.check({ ...cannotGrow, level: 'warn' })),
      cannotShrink &&
        (cannotShrink.code === NO_WAY
          ? noWay('shrink', cannotShrink)
          : words.check({ ...cannotShrink, level: 'warn' })),
    ];
    return [...new Set(said)].filter((text) => text !== undefined);
  }
  const noWay = (which: 'both' | 'grow' | 'shrink', { data }: LengthRefusalView) =>
    t(`resize.noWay.${which}`, { content: volumeWords.kindName(String(data['fileSystem'] ?? '')) });

  /** What speaks against what was chosen for a volume. */
  const refusals = ({ checks }: Pick<DeployPlan, 'checks'>, ref: string) =>
    checks
      .filter(({ level, data }) => level !== 'pass' && String(data['volume'] ?? '') === ref)
      .map((check) => ({ level: check.level, text: words.check(check) }));

  /** What speaks against the lengths of all of them. */
  const ofAll = ({ checks }: Pick<DeployPlan, 'checks'>) =>
    checks
      .filter(({ level, code, data }) => level !== 'pass' && OF_ALL.includes(code) && data['volume'] === undefined)
      .map((check) => ({ level: check.level, text: words.check(check) }));

  return { how, fixed, refusals, ofAll };
}
