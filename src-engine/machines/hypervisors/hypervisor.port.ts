/** What is asked of a hypervisor, whichever it is. Nothing here changes a machine. */
import type { HypervisorKind, Vm, VmDefinition } from '../../contract/vm.contract.ts';
import type { Live } from './live.port.ts';
import type { Maker } from './maker.port.ts';
import type { Power } from './power.port.ts';
import type { Streams } from './streams.port.ts';

/** A machine's hardware, and what its hypervisor wrote of it, both without secrets. */
export interface DefinedMachine {
  readonly definition: VmDefinition;
  readonly original: { readonly name: string; readonly mediaType: string; readonly text: string };
}

export interface Hypervisor {
  readonly kind: HypervisorKind;
  /** where it is asked, in its own words: 'qemu:///system' */
  readonly address: string;
  /** Left out: its machines are started and shut down by others alone. */
  readonly power?: Power;
  /** Left out: disks of its machines cannot lie over something that is served. */
  readonly streams?: Streams;
  /** Left out: a running machine cannot be read. */
  readonly live?: Live;
  /** Left out: what is made here would not be its own, since it is elsewhere, or of another kind. */
  readonly maker?: Maker;

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

  /** How it is defined: as it will be started the next time. Left out: nothing more is told than {@link show} does. @param id of {@link show} @throws EngineError as {@link show} */
  define?(id: string, signal: AbortSignal): Promise<DefinedMachine>;

  /** Where it has the images that its machines' disks stand on, by the names that these give them. Left out: they name them by paths. @throws EngineError as {@link list} */
  images?(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
}
