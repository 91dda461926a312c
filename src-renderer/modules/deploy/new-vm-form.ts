/** What a person says of a virtual machine that is to be made; what is left out is as it was recorded. */
import {
  MAX_VM_PROCESSORS,
  MIN_VM_MEMORY_BYTES,
  type OVER_TEMPLATE,
  VmNameSchema,
  VmNetworkChoiceSchema,
  type DeployFormat,
  type VmChoice,
} from '../../../src-engine/contract/index.ts';
import { parseBytes } from '../../../src-engine/words/sizes.ts';

export interface NewVmForm {
  name: string;
  processors: string;
  memory: string;
  firmware: 'recorded' | 'bios' | 'uefi';
  pool: string;
  format: DeployFormat;
  network: 'recorded' | 'user' | 'none' | 'network' | 'bridge';
  networkName: string;
  /** `copy`: whole before it starts; else they lie over the template */
  disks: 'copy' | (typeof OVER_TEMPLATE)[number];
  start: boolean;
}

export const newVm = (): NewVmForm => ({
  ...{ name: '', processors: '', memory: '', firmware: 'recorded', pool: '', format: 'qcow2' },
  ...{ network: 'recorded', networkName: '', disks: 'copy', start: false },
});

export type VmFault = 'name' | 'processors' | 'memory' | 'network';

/** @returns what is chosen, and which fields cannot be what they say */
export function vmSaid(form: NewVmForm): { vm: Partial<VmChoice>; faults: ReadonlySet<VmFault> } {
  const faults = new Set<VmFault>();
  if (!VmNameSchema.safeParse(form.name).success) faults.add('name');
  const processors = form.processors.trim() === '' ? undefined : Number(form.processors);
  const isCount = processors === undefined || (Number.isInteger(processors) && processors >= 1);
  if (!isCount || (processors ?? 1) > MAX_VM_PROCESSORS) faults.add('processors');
  const memoryBytes = form.memory.trim() === '' ? undefined : parseBytes(form.memory);
  if (memoryBytes === null || (memoryBytes !== undefined && memoryBytes < MIN_VM_MEMORY_BYTES)) faults.add('memory');
  const isNamed = form.network === 'network' || form.network === 'bridge';
  if (isNamed && form.networkName.trim() === '') faults.add('network');
  return {
    vm: {
      ...(processors !== undefined && { processors }),
      ...(memoryBytes && { memoryBytes }),
      ...(form.firmware !== 'recorded' && { firmware: form.firmware }),
      ...(form.pool.trim() !== '' && { pool: form.pool.trim() }),
      ...(form.network !== 'recorded' && { networks: cardsOf(form) }),
      ...(form.disks !== 'copy' && { overTemplate: form.disks }),
      start: form.start,
    },
    faults,
  };
}

function cardsOf({ network, networkName }: NewVmForm): VmChoice['networks'] {
  if (network === 'none' || network === 'recorded') return [];
  return [VmNetworkChoiceSchema.parse({ kind: network, name: network === 'user' ? '' : networkName.trim() })];
}
