/** What is asked of a hypervisor to start a machine, and to have it shut down. Machines are known by its own id. */
import type { Vm } from '../../contract/vm.contract.ts';

export interface Power {
  /** One that runs is left as it is. @throws EngineError `TOOL_FAILED` with what was said */
  start(id: string, signal: AbortSignal): Promise<void>;

  /** @returns null: there is no such machine any more @throws EngineError `HYPERVISOR_UNREACHABLE`, `TOOL_TIMED_OUT` */
  state(id: string, signal: AbortSignal): Promise<Vm['state'] | null>;

  /** Whether it is there still when it is off: one that is defined only as long as it runs cannot be started again. @throws as {@link state} */
  isKept(id: string, signal: AbortSignal): Promise<boolean>;

  /** Asks the guest to shut down, by its agent or by the power button, and does not wait until it has. It may be asked again. @throws EngineError `TOOL_FAILED` */
  askToShutDown(id: string, signal: AbortSignal): Promise<void>;

  /** As if the plug was pulled: what the guest has not written is lost. @throws EngineError `TOOL_FAILED` */
  cut(id: string, signal: AbortSignal): Promise<void>;
}
