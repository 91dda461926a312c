/** What a person says of a boot proof: how the machine is started, and what is waited for. */
import {
  MIN_BOOT_MEMORY_BYTES,
  secureBootNeeds,
  type BootChoice,
  type DiskBus,
  type MachineType,
} from '../../../src-engine/contract/index.ts';
import { parseBytes } from '../../../src-engine/words/sizes.ts';

export interface ProofForm {
  isWanted: boolean;
  firmware: 'recorded' | 'bios' | 'uefi';
  isSecureBoot: boolean;
  machineType: MachineType | 'recorded';
  bus: DiskBus | 'recorded';
  until: 'any' | 'login' | 'desktop' | 'text';
  text: string;
  memory: string;
  minutes: string;
}

export const newProof = (): ProofForm => ({
  ...{ isWanted: false, firmware: 'recorded', isSecureBoot: false, machineType: 'recorded', bus: 'recorded' },
  ...{ until: 'any', text: '', memory: '', minutes: '10' },
});

/** How a proof is to be carried out; null: there is none. Faults: `proof-machine-type`, `proof-memory`, `proof-minutes`, `proof-text`. */
export function proofSaid(form: ProofForm): { choice: Partial<BootChoice> | null; faults: ReadonlySet<string> } {
  const faults = new Set<string>();
  if (!form.isWanted) return { choice: null, faults };
  const memoryBytes = form.memory.trim() === '' ? undefined : parseBytes(form.memory);
  if (memoryBytes === null || (memoryBytes !== undefined && memoryBytes < MIN_BOOT_MEMORY_BYTES))
    faults.add('proof-memory');
  const isSecureBoot = form.isSecureBoot && form.firmware === 'uefi';
  if (secureBootNeeds({ isSecureBoot, machineType: form.machineType })) faults.add('proof-machine-type');
  const minutes = Number(form.minutes.replace(',', '.'));
  if (!(minutes > 0 && minutes <= 24 * 60)) faults.add('proof-minutes');
  if (form.until === 'text' && form.text.trim() === '') faults.add('proof-text');
  const until = form.until === 'text' ? form.text.trim() : form.until;
  return {
    choice: {
      ...(form.firmware !== 'recorded' && { firmware: form.firmware }),
      ...(isSecureBoot && { isSecureBoot }),
      ...(form.machineType !== 'recorded' && { machineType: form.machineType }),
      ...(form.bus !== 'recorded' && { bus: form.bus }),
      ...(until !== 'any' && until !== '' && { until: until.slice(0, 200) }),
      ...(memoryBytes && !faults.has('proof-memory') && { memoryBytes }),
      ...(!faults.has('proof-minutes') && { timeoutSeconds: Math.max(1, Math.round(minutes * 60)) }),
    },
    faults,
  };
}
