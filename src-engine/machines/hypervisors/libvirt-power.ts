/** Machines of libvirt, started. */
import type { Power } from './power.port.ts';
import type { Virsh } from './virsh.ts';

/** virDomainState of libvirt-domain.h: what is off, or crashed, is started; a paused machine is nobody's to go on with. */
const STARTABLE = new Set(['5', '6']);

export function libvirtPower(ask: Virsh): Power {
  return {
    async start(id, signal) {
      const said = await ask(signal, 'domstats', '--state', id);
      const [, state] = /^\s*state\.state=(\d+)$/m.exec(said) ?? [];
      if (state !== undefined && !STARTABLE.has(state)) return;
      await ask(signal, 'start', '--domain', id);
    },
  };
}
