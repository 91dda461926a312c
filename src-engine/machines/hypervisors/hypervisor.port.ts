/** What is asked of a hypervisor, whichever it is. Nothing here changes a machine. */
import type { HypervisorKind, Vm } from '../../contract/vm.contract.ts';
import type { Maker } from './maker.port.ts';
import type { Power } from './power.port.ts';

export interface Hypervisor {
  readonly kind: HypervisorKind;
  /** where it is asked, in its own words: 'qemu:///system' */
  readonly address: string;
  readonly power: Power;
  /** null: what is made here would not be its own, since it is elsewhere */
  readonly maker: Maker | null;

  /**
   * All its machines, in natural order of their names. One whose definition cannot be read is there with what is known of it; snapshots are left to {@link show}.
   * @throws EngineError `HYPERVISOR_MISSING` (data: tool, package), `HYPERVISOR_UNREACHABLE` (address, said), `ABORTED`
   */
  list(signal: AbortSignal): Promise<Vm[]>;

  /**
   * One of them by its name, or by its id.
   * @throws EngineError as {@link list}; `VM_NOT_FOUND` (data: place); `FORMAT_INVALID` for a definition that cannot be read
   */
  show(name: string, signal: AbortSignal): Promise<Vm>;
}
