/** A virtual machine that a deploy makes, as text. */
import type { PlannedVm } from '../../src-engine/contract/index.ts';
import { plannedVmNotes } from '../../src-engine/words/planned-vm.ts';
import { printable } from './printable.ts';
import type { Words } from './words.ts';

/** @param disk of the plan: what is said of the machine is said with its first one */
export function plannedVmLines(words: Words, vm: PlannedVm | null, disk: number): string[] {
  if (!vm || vm.disks[0].disk !== disk) return [];
  const { t } = words;
  return [
    t('vm.new.title', { name: vm.place }),
    ...[
      vm.isReload ? t('vm.new.reload') : t('vm.new.made', { pool: vm.pool }),
      ...plannedVmNotes(vm, t, words.bytes).map(([name, value]) => words.said(name, value)),
      ...vm.disks.map(({ name, path, format, bus }) => t('vm.new.disk', { name, path, format, bus })),
      ...vm.networks.map(({ kind, name, mac, model }) =>
        t('vm.new.card', { model, mac, network: t(`vm.network.${kind}`, { name }) }),
      ),
      ...(vm.start ? [t('vm.new.start')] : []),
    ].map((line) => `  ${printable(line)}`),
  ];
}
