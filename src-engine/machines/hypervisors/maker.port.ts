/** What is asked of a hypervisor to make machines of disks that are there. Machines are known by its own id. */
import type { MachineType } from '../../contract/boot.contract.ts';
import type { PlannedVm } from '../../contract/new-vm.contract.ts';
import type { Volumes } from './volumes.port.ts';

/** A place for disks. */
export interface DiskPool {
  readonly name: string;
  readonly isActive: boolean;
  /** its own word: 'dir', 'logical'… */
  readonly kind: string;
  /** where files of it lie; null: it has none */
  readonly folder: string | null;
  /** where devices of volumes appear that can be made in it; null: none can */
  readonly devices: string | null;
}

/** What it can give to a machine of some kind. */
export interface Abilities {
  readonly accelerator: PlannedVm['accelerator'];
  readonly hasUefi: boolean;
  readonly hasSecureBoot: boolean;
  /** a TPM that is a program (swtpm) */
  readonly hasTpm: boolean;
  readonly maxProcessors: number;
}

export interface Maker {
  /** Disks that are no files. */
  readonly volumes: Volumes;

  /** @throws EngineError `HYPERVISOR_MISSING`, `HYPERVISOR_UNREACHABLE`, `FORMAT_INVALID`, `ABORTED` */
  pools(signal: AbortSignal): Promise<DiskPool[]>;

  /** Networks of its own; `isActive`: a machine that has a card there can be started. */
  networks(signal: AbortSignal): Promise<{ readonly name: string; readonly isActive: boolean }[]>;

  abilities(machineType: MachineType, signal: AbortSignal): Promise<Abilities>;

  /**
   * Makes a machine of disks that are whole.
   * @throws EngineError `TOOL_FAILED` with what was said, also for a name or an id that is taken: then nothing was made
   */
  define(vm: PlannedVm, signal: AbortSignal): Promise<void>;

  /** Takes a machine away with all that is its own but its disks; one that is not there is fine. @throws EngineError `TOOL_FAILED` */
  unmake(id: string, signal: AbortSignal): Promise<void>;

  /** Has it look at a pool anew: what lies there was not made by it. Never fails. */
  look(pool: string, signal: AbortSignal): Promise<void>;
}
