/** What is said of a virtual machine in a line. */
import { useI18n } from 'vue-i18n';
import {
  hardDisksOf,
  parseVmPlace,
  writeSshHost,
  type ErrorView,
  type HypervisorView,
  type Vm,
} from '../../../src-engine/contract/index.ts';
import { useFormat } from '../../client/format.ts';
import { useWords } from '../../client/words.ts';

/** One that runs is captured where a person agrees that it is shut down for that. */
export const canBeShutDown = ({ state, hypervisor }: Vm) => state === 'running' && hypervisor === 'libvirt';

export function useVmWords() {
  const { t } = useI18n();
  const { bytes, count } = useFormat();
  const words = useWords();

  /** 'libvirt', 'libvirt (root@lab)' */
  function whose({ hypervisor, place }: Vm) {
    const parsed = parseVmPlace(place);
    const name = t(`vm.hypervisor.${hypervisor}`);
    return 'host' in parsed ? `${name} (${writeSshHost(parsed)})` : name;
  }
  /** 'libvirt · debian 12 · 2 processors · 2.15 GB · 1 disk · 2 snapshots' */
  const hardware = (machine: Vm) =>
    [
      whose(machine),
      machine.operatingSystem,
      machine.processors === null ? null : count('vm.processors', machine.processors),
      machine.memoryBytes === null ? null : bytes(machine.memoryBytes),
      count('disk.count', hardDisksOf(machine).length),
      machine.snapshots?.length ? count('vm.snapshots', machine.snapshots.length) : null,
    ]
      .filter(Boolean)
      .join(' · ');
  /** '' where it may be captured */
  const refusal = (machine: Vm) => {
    if (machine.heldBy) return t('vm.held', { holder: machine.heldBy });
    if (machine.state !== 'off' && !canBeShutDown(machine)) return t('vm.notOff');
    return hardDisksOf(machine).length > 0 ? '' : t('vm.noDisks');
  };
  const what = (fault: ErrorView) => words.error(fault).what;
  const todo = (fault: ErrorView) => words.error(fault).todo;
  /** the same fault of two hosts is two */
  const keyOf = ({ code, data }: ErrorView) => `${code} ${data.host ?? data.address ?? ''}`;
  const notInstalled = (hypervisors: readonly HypervisorView[]) =>
    t('vm.notInstalled', {
      names: hypervisors
        .map(({ kind, error }) => {
          const { package: named, page } = error?.data ?? {};
          return `${t(`vm.hypervisor.${kind}`)} (${[named, page].filter(Boolean).join(', ')})`;
        })
        .join(', '),
    });
  return { hardware, refusal, what, todo, keyOf, notInstalled };
}
