/** The hypervisors that this machine has programs for, and the places of their machines: 'libvirt:NAME'. */
import { HYPERVISORS, type HypervisorKind, type HypervisorView, type Vm } from '../../contract/vm.contract.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { Hypervisor } from './hypervisor.port.ts';
import { libvirt } from './libvirt.ts';

const OPENERS: Readonly<Record<HypervisorKind, () => Hypervisor>> = {
  // the variable is libvirt's own: its programs go by it too
  libvirt: () => libvirt(process.env.LIBVIRT_DEFAULT_URI || 'qemu:///system'),
};

/** @returns one for each; where it cannot be asked, with the reason and no machines @throws EngineError `ABORTED` */
export function listHypervisors(signal: AbortSignal): Promise<HypervisorView[]> {
  return Promise.all(
    HYPERVISORS.map(async (kind) => {
      const hypervisor = OPENERS[kind]();
      const { address } = hypervisor;
      try {
        return { kind, address, machines: await hypervisor.list(signal), error: null };
      } catch (error) {
        signal.throwIfAborted();
        return { kind, address, machines: [], error: toEngineError(error).toView() };
      }
    }),
  );
}

/** Who has the machine of a place, and what it calls it there. @throws EngineError `VM_NOT_FOUND` for a place that is no machine's */
export function hypervisorAt(place: string): { hypervisor: Hypervisor; name: string } {
  const kind = HYPERVISORS.find((known) => place.startsWith(`${known}:`));
  if (!kind) throw new EngineError('VM_NOT_FOUND', { place });
  return { hypervisor: OPENERS[kind](), name: place.slice(kind.length + 1) };
}

/** @throws EngineError as {@link hypervisorAt}, {@link Hypervisor.show} */
export async function vmAt(place: string, signal: AbortSignal): Promise<Vm> {
  const { hypervisor, name } = hypervisorAt(place);
  return hypervisor.show(name, signal);
}

/** Starts a machine that is off; one that runs is left as it is. @param id by which its hypervisor knows it */
export async function startAgain(place: string, id: string, signal: AbortSignal): Promise<void> {
  await hypervisorAt(place).hypervisor.power.start(id, signal);
}
