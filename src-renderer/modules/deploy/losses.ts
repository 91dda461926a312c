/** What a deploy destroys, in words: said beside the form, and in red where it is confirmed. */
import { useI18n } from 'vue-i18n';
import type { DeployPlan } from '../../../src-engine/contract/index.ts';
import { useFormat } from '../../client/format.ts';
import { useVolumeWords } from '../../ui/index.ts';

/** Call it in a component's set-up. */
export function useLosses() {
  const { t } = useI18n();
  const { bytes } = useFormat();
  const volumeWords = useVolumeWords();

  /** @returns null where nothing is lost: a new file is made */
  return ({ target, before, needsOverwrite }: DeployPlan) => {
    if (target.kind !== 'device' && !needsOverwrite) return null;
    const named = t('deploy.targetNamed', { model: target.model || target.path, size: bytes(target.lengthBytes) });
    return {
      erases: t(target.kind === 'device' ? 'deploy.erasesDevice' : 'deploy.erasesFile', { target: named }),
      holds: before ? t('deploy.nowHolding', { what: volumeWords.holding(before) }) : t('deploy.nowUnknown'),
    };
  };
}
