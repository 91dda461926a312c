/** What planning machines is given, and what it gives. */
import type { FoundVersion } from '../../../catalog/template-repository.ts';
import type { PlannedVm, VmChoice } from '../../../contract/new-vm.contract.ts';
import type { Check } from '../../../contract/warnings.ts';
import type { Row, SeveralParams } from './named-targets.ts';

/** A machine as it is planned, and what is to be said of it. */
export interface MachinePlan {
  readonly vm: PlannedVm;
  readonly checks: readonly Check[];
  /** of a disk that is replaced: what the new one may not be shorter than */
  readonly lengthBytes: number | undefined;
}

/** A disk or an image file that is deployed to. */
export interface ResolvedTarget {
  readonly path: string;
  readonly row: Row | null;
  /** the machine that it is a disk of */
  readonly machine: MachinePlan | null;
}

/** What is asked of all machines of a request. */
export interface MachineRequest {
  readonly found: FoundVersion;
  /** numbers of the template's disks that each gets */
  readonly disks: readonly number[];
  readonly choice: VmChoice;
  readonly params: SeveralParams;
}
