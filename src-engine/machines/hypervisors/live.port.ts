/** What is asked of a hypervisor to read a machine's disks while it runs: all of them as they were at one moment. Machines are known by its own id. */
import type { VmDisk } from '../../contract/vm.contract.ts';

/** What a moment leaves in the world, and who ends it has to know. */
export interface Traces {
  /** that of this moment alone: it tells ours from others' */
  readonly socketPath: string;
  /** where the hypervisor keeps what the machine overwrites meanwhile */
  readonly scratchPaths: readonly string[];
}

/** What a checkpoint is to begin with, and what was written since another. */
export interface Tracking {
  /** one that is made at the moment; null: none */
  readonly checkpoint: string | null;
  /** whose changes are told; null: nobody asks */
  readonly since: string | null;
}

export interface LiveDisk extends VmDisk {
  /** by which it is asked for on the socket */
  readonly exportName: string;
  /** the metadata context that tells what was written since; null: all of it counts as written */
  readonly changesContext: string | null;
  readonly sectorBytes: number;
}

export interface PlannedMoment extends Traces {
  readonly id: string;
  /** as it runs now, in their order; without discs in drives */
  readonly disks: readonly LiveDisk[];
  /** its file systems can be frozen by somebody inside */
  readonly canFreeze: boolean;
  readonly tracking: Tracking;
}

export interface Live {
  /**
   * Looks, and changes nothing.
   * @throws EngineError `VM_NOT_FOUND`; `LIVE_NOT_POSSIBLE` (data: place, said); `DISK_FULL` (path, freeBytes) where what is overwritten meanwhile has no room
   */
  plan(id: string, tracking: Tracking, signal: AbortSignal): Promise<PlannedMoment>;
  /** This is the moment. @throws EngineError `LIVE_NOT_POSSIBLE`; `TOOL_TIMED_OUT`: it may begin yet */
  begin(moment: PlannedMoment): Promise<void>;
  /** Whether what is read is still that moment. @throws EngineError */
  isGoingOn(id: string, traces: Traces, signal: AbortSignal): Promise<boolean>;
  /** Ends it, and removes its traces. One that is over is fine; what others do with the machine is left alone. @throws EngineError */
  end(id: string, traces: Traces, signal: AbortSignal): Promise<void>;
  /** @returns how many file systems stand still @throws EngineError: some may stand still, or will */
  freeze(id: string, signal: AbortSignal): Promise<number>;
  /** None that is frozen is fine, and so is a machine that is off. @throws EngineError */
  thaw(id: string, signal: AbortSignal): Promise<void>;
  /** When a checkpoint was made, as the hypervisor says it; null: there is none of that name. @throws EngineError */
  checkpointMadeAt(id: string, checkpoint: string, signal: AbortSignal): Promise<string | null>;
  /** Names of the checkpoints that were made after another, which together with it tell what was written since. @throws EngineError */
  checkpointsAfter(id: string, checkpoint: string, signal: AbortSignal): Promise<string[]>;
  /** One that is gone is fine. @throws EngineError */
  dropCheckpoint(id: string, checkpoint: string, signal: AbortSignal): Promise<void>;
}
