/** What is said of a virtual machine in a line. */
import { useI18n } from 'vue-i18n';
import { hardDisksOf, type ErrorView, type Vm } from '../../../src-engine/contract/index.ts';
import { useFormat } from '../../client/format.ts';
import { useWords } from '../../client/words.ts';

export function useVmWords() {
  const { t } = useI18n();
  const { bytes, count } = useFormat();
  const words = useWords();

  /** 'debian 12 · 2 processors · 2.15 GB · 1 disk' */
  const hardware = (machine: Vm) =>
    [
      machine.operatingSystem,
      machine.processors === null ? null : count('vm.processors', machine.processors),
      machine.memoryBytes === null ? null : bytes(machine.memoryBytes),
      count('disk.count', hardDisksOf(machine).length),
    ]
      .filter(Boolean)
      .join(' · ');
  /** '' where it may be captured */
  const refusal = (machine: Vm) => {
    if (machine.state !== 'off') return t('vm.notOff');
    return hardDisksOf(machine).length > 0 ? '' : t('vm.noDisks');
  };
  const what = (fault: ErrorView) => words.error(fault).what;
  const todo = (fault: ErrorView) => words.error(fault).todo;
  return { hardware, refusal, what, todo };
}
