/** What a target is called, and what becomes of it, in words. */
import type { Ref } from 'vue';
import { useI18n } from 'vue-i18n';
import type { DeployPlan, DeviceView } from '../../../src-engine/contract/index.ts';
import { useFormat } from '../../client/format.ts';
import { useWords } from '../../client/words.ts';
import type { Planning } from '../plan/index.ts';
import { twiceAt, type DeployForm } from './deploy-form.ts';
import { useLosses } from './losses.ts';
import { placeName, useNewPlace } from './new-place.ts';

export interface TargetState {
  readonly tone: 'quiet' | 'refused' | 'erases' | 'creates';
  readonly text: string;
  /** what is lost there, or what else has to be known */
  readonly more?: string;
}

/**
 * Call it in a component's set-up.
 * @param diskCount of the version that is deployed
 * @param gone targets that were unplugged, by their paths
 */
export function useTargetWords(
  form: DeployForm,
  diskCount: () => number,
  gone: Readonly<Ref<ReadonlyMap<string, DeviceView>>>,
) {
  const { t } = useI18n();
  const { count } = useFormat();
  const words = useWords();
  const losses = useLosses();
  const newPlace = useNewPlace();

  const isWhole = () => form.disk === 0 && diskCount() > 1;

  /** `Target 2`, `Disk 1`, `Machine 2, disk 1` */
  function label(place: number): string {
    if (!isWhole()) return t('deploy.targetNumber', { number: place + 1 });
    const number = form.targets[place]?.disk ?? 1;
    if (form.targets.length <= diskCount()) return t('disk.numbered', { number });
    return t('deploy.machineDisk', { machine: Math.floor(place / diskCount()) + 1, number });
  }

  /** The label with the place that it goes to. */
  const titled = (place: number) =>
    t('deploy.targetTitled', { target: label(place), path: placeName(form.targets[place]?.path ?? '') });

  /** Why a plan cannot be carried out, in a sentence; '' where it can. */
  function refusal({ canRun, checks, report }: DeployPlan): string {
    if (canRun) return '';
    const block = checks.find(({ level }) => level === 'block');
    return block
      ? words.check(block)
      : count('rules.blocks', report.lines.filter(({ level }) => level === 'block').length);
  }

  function stateOf(place: number, planning: Planning<DeployPlan> | undefined): TargetState {
    const { path } = form.targets[place];
    const other = twiceAt(form.targets, place);
    if (other >= 0)
      return { tone: 'refused', text: t('deploy.twice', { path: placeName(path), target: label(other) }) };
    if (gone.value.has(path)) return { tone: 'refused', text: t('device.unplugged') };
    const { plan, error, isPlanning } = planning ?? { plan: null, error: null, isPlanning: false };
    if (error) return { tone: 'refused', text: words.error(error).what, more: words.error(error).todo };
    if (!plan) return { tone: 'quiet', text: t(isPlanning ? 'plan.making' : 'deploy.chooseTarget') };
    if (!plan.canRun) return { tone: 'refused', text: refusal(plan) };
    const lost = losses(plan);
    if (lost) return { tone: 'erases', text: lost.erases, more: lost.holds };
    return { tone: 'creates', text: newPlace.creates(path, plan.target.lengthBytes) };
  }

  return { isWhole, label, titled, refusal, stateOf };
}
