/** What is said of a virtual machine in a line. */
import { useI18n } from 'vue-i18n';
import type { ErrorView, Vm } from '../../../src-engine/contract/index.ts';
import { useFormat } from '../../client/format.ts';
import { useWords } from '../../client/words.ts';

export function useVmWords() {
  const { t } = useI18n();
  const { bytes, count } = useFormat();
  const words = useWords();

  /** 'debian 12 · 2 processors · 2.15 GB · 1 disk' */
  const hardware = ({ operatingSystem, processors, memoryBytes, disks }: Vm) =>
    [
      operatingSystem,
      processors === null ? null : count('vm.processors', processors),
      memoryBytes === null ? null : bytes(memoryBytes),
      count('disk.count', disks.filter(({ isOptical }) => !isOptical).length),
    ]
      .filter(Boolean)
      .join(' · ');
  /** '' where it may be captured */
  const refusal = ({ state, disks }: Vm) => {
    if (state !== 'off') return t('vm.notOff');
    return disks.some(({ isOptical }) => !isOptical) ? '' : t('vm.noDisks');
  };
  const what = (fault: ErrorView) => words.error(fault).what;
  const todo = (fault: ErrorView) => words.error(fault).todo;
  return { hardware, refusal, what, todo };
}
