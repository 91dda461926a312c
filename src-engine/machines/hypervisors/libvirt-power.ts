/** Machines of libvirt, started and shut down. */
import type { SshHost } from '../../contract/vm-place.ts';
import type { Vm } from '../../contract/vm.contract.ts';
import type { Power } from './power.port.ts';
import { isListed, unreachable, virsh } from './virsh.ts';

/** virDomainState of libvirt-domain.h. */
export const LIBVIRT_STATES: Readonly<Record<string, Vm['state']>> = {
  '1': 'running',
  '2': 'running',
  '3': 'paused',
  '4': 'shutting-down',
  '5': 'off',
  '6': 'crashed',
  '7': 'paused',
};

/** What is off, or crashed, is started; a paused machine is nobody's to go on with. */
const STARTABLE: readonly (Vm['state'] | null)[] = ['off', 'saved', 'crashed', null];
/** Memory is taken, cards are plugged in, hooks of the host run. */
const START_DEADLINE_MS = 120_000;

/** @param address of the daemon: 'qemu:///system' */
export function libvirtPower(address: string, host: SshHost | null): Power {
  const ask = virsh(address, host);
  const askLong = virsh(address, host, START_DEADLINE_MS);

  const isThere = (id: string, signal: AbortSignal, ...which: string[]) =>
    isListed(ask, id, signal, ...which).catch((error) => {
      throw unreachable(address, host, error);
    });

  const state: Power['state'] = async (id, signal) => {
    const said = await ask(signal, 'domstats', '--state', id).catch(async (error) => {
      signal.throwIfAborted();
      if (await isThere(id, signal, '--all')) throw unreachable(address, host, error);
      return null;
    });
    if (said === null) return null;
    const [, number] = /^\s*state\.state=(\d+)$/m.exec(said) ?? [];
    return LIBVIRT_STATES[number ?? ''] ?? 'unknown';
  };

  return {
    state,
    async start(id, signal) {
      if (!STARTABLE.includes(await state(id, signal))) return;
      await askLong(signal, 'start', '--domain', id);
    },
    isKept: (id, signal) => isThere(id, signal, '--all', '--persistent'),
    async askToShutDown(id, signal) {
      // without a mode: by the agent where one answers, by the power button where not
      await ask(signal, 'shutdown', '--domain', id);
    },
    async cut(id, signal) {
      await askLong(signal, 'destroy', '--domain', id);
    },
  };
}
