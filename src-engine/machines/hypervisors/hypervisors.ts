/** The hypervisors of this machine and of hosts that were named, and the places of their machines. */
import type { HypervisorView, Vm } from '../../contract/vm.contract.ts';
import { isVmPlace, parseSshHost, parseVmPlace, writeSshHost, type SshHost } from '../../contract/vm-place.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import type { Hypervisor } from './hypervisor.port.ts';
import { libvirt } from './libvirt.ts';
import type { Power } from './power.port.ts';
import { qemuProcesses } from './qemu-processes.ts';
import { libvirtAddress } from './ssh.ts';
import { virtualBox } from './virtualbox.ts';
import { vmware } from './vmware.ts';
import { offUntil } from './wait-until-off.ts';
import type { Streams } from './streams.port.ts';
import type { Live } from './live.port.ts';

/** The longest that a guest is given, and once more: a clock may have been set since. */
const MAX_LEFT_MS = 2 * 3600 * 1000;

// the variable is libvirt's own: its programs go by it too
const localLibvirt = () => libvirt(process.env.LIBVIRT_DEFAULT_URI || 'qemu:///system');
const remoteLibvirt = (host: SshHost) => libvirt(libvirtAddress(host), host);

/**
 * @param isHere whether those of this machine are asked @param hosts that are asked as well
 * @returns one for each; where it cannot be asked, with the reason and no machines
 * @throws EngineError `ABORTED`; `HOST_ADDRESS_INVALID` (host, field)
 */
export async function listHypervisors(
  isHere: boolean,
  hosts: readonly string[],
  signal: AbortSignal,
): Promise<HypervisorView[]> {
  const here = isHere ? [localLibvirt(), virtualBox(), vmware(), qemuProcesses()] : [];
  const there = hosts.map(checkedHost).map((host) => ({ host: writeSshHost(host), asked: remoteLibvirt(host) }));
  const views = await Promise.all([
    ...here.map((one) => viewOf(one, null, signal)),
    ...there.map(({ host, asked }) => viewOf(asked, host, signal)),
  ]);
  const managed = new Set(
    views.filter(({ kind }) => kind === 'libvirt').flatMap((view) => view.machines.map(({ id }) => id)),
  );
  // libvirt's machines are processes of QEMU too
  return views.map((view) =>
    view.kind === 'qemu' ? { ...view, machines: view.machines.filter(({ id }) => !managed.has(id)) } : view,
  );
}

async function viewOf(hypervisor: Hypervisor, host: string | null, signal: AbortSignal): Promise<HypervisorView> {
  const { kind, address } = hypervisor;
  try {
    return { kind, address, host, machines: await hypervisor.list(signal), error: null };
  } catch (error) {
    signal.throwIfAborted();
    return { kind, address, host, machines: [], error: toEngineError(error).toView() };
  }
}

/** @throws EngineError `HOST_ADDRESS_INVALID` */
export function checkedHost(address: string): SshHost {
  const host = parseSshHost(address);
  if ('fault' in host)
    throw new EngineError('HOST_ADDRESS_INVALID', { host: address.slice(0, 300), field: host.fault });
  return host;
}

/** @throws EngineError as {@link hypervisorAt}, {@link Hypervisor.show} */
export async function vmAt(place: string, signal: AbortSignal): Promise<Vm> {
  const { hypervisor, name } = hypervisorAt(place);
  return hypervisor.show(name, signal);
}

/** @throws EngineError as {@link hypervisorAt}; `VM_POWER_ELSEWHERE` (place) where its machines are started by others alone */
export function powerAt(place: string): Power {
  const { power } = hypervisorAt(place).hypervisor;
  if (!power) throw new EngineError('VM_POWER_ELSEWHERE', { place });
  return power;
}

/** @throws EngineError as {@link hypervisorAt}; `VM_STREAMS_NOT` (place) where its machines cannot have what is served */
export function streamsAt(place: string): Streams {
  const { streams } = hypervisorAt(place).hypervisor;
  if (!streams) throw new EngineError('VM_STREAMS_NOT', { place });
  return streams;
}

/**
 * Starts a machine that is off; one that runs is left as it is.
 * @param id by which its hypervisor knows it @param mayGoOffUntilMs the guest was asked to shut down, and may do so until then (by Date.now())
 */
export async function startAgain(
  place: string,
  id: string,
  mayGoOffUntilMs: number,
  signal: AbortSignal,
): Promise<void> {
  const power = powerAt(place);
  const leftMs = Math.min(mayGoOffUntilMs - Date.now(), MAX_LEFT_MS);
  if (leftMs > 0) await offUntil(power, id, performance.now() + leftMs, signal);
  await power.start(id, signal);
}

/** @throws EngineError `VM_NOT_FOUND` for a place that is no machine's; `LIVE_NOT_POSSIBLE` where its hypervisor cannot do it */
export function liveAt(place: string): Live {
  const { live } = hypervisorAt(place).hypervisor;
  if (!live) throw new EngineError('LIVE_NOT_POSSIBLE', { place, said: '' });
  return live;
}

/** Who has the machine of a place, and what it is called there. @throws EngineError `VM_PLACE_INVALID` (place, field, reason), `VM_NOT_FOUND` for what is no place of a machine */
export function hypervisorAt(text: string): { readonly hypervisor: Hypervisor; readonly name: string } {
  if (!isVmPlace(text)) throw new EngineError('VM_NOT_FOUND', { place: text.slice(0, 300) });
  const place = parseVmPlace(text);
  if ('fault' in place) {
    const data = { place: text.slice(0, 300), field: place.fault, reason: place.fault };
    throw new EngineError('VM_PLACE_INVALID', data);
  }
  switch (place.scheme) {
    case 'libvirt':
      return { hypervisor: localLibvirt(), name: place.name };
    case 'libvirt+ssh':
      return { hypervisor: remoteLibvirt(place), name: place.name };
    case 'vbox':
      return { hypervisor: virtualBox(), name: place.name };
    case 'vmx':
      return { hypervisor: vmware(), name: place.path };
    case 'qemu':
      return { hypervisor: qemuProcesses(), name: `${place.pid}` };
  }
}
