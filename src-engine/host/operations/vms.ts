/** Virtual machines of the hypervisors that are here, and of hosts that were named: listed, started, shut down. */
import type { Vm } from '../../contract/vm.contract.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { listHypervisors, powerAt, vmAt } from '../../machines/hypervisors/hypervisors.ts';
import { deleteHost, listHosts, saveHost } from '../../machines/hypervisors/saved-hosts.ts';
import { shutDownUntil } from '../../machines/hypervisors/wait-until-off.ts';
import type { Host, Operations } from './operations.ts';

export const vmOperations = ({
  catalog,
  machines,
}: Host): Operations<'vm.list' | 'vm.show' | 'vm.start' | 'vm.stop' | 'host.list' | 'host.save' | 'host.delete'> => {
  const saved = () => listHosts(catalog.looking.layout.hosts);
  /** It was done, whatever becomes of the line: a catalog that is full or damaged is no reason against that. */
  const log = (action: string, { place, id }: Vm, data: Record<string, string | number> = {}) => {
    try {
      catalog.parts.audit.add(action, place, { id, ...data });
    } catch {
      // each command of the catalog tells it
    }
  };
  return {
    'vm.list': async ({ host }, signal) => {
      if (host !== undefined) return listHypervisors(host === null, host === null ? [] : [host], signal);
      const hosts = await saved().catch((error: unknown) => toEngineError(error));
      if (!(hosts instanceof EngineError)) return listHypervisors(true, hosts, signal);
      // a list of hosts that cannot be read hides no machine of this one
      const error = hosts.toView();
      return [
        ...(await listHypervisors(true, [], signal)),
        { kind: 'libvirt', address: '', host: null, machines: [], error },
      ];
    },
    'vm.show': ({ place }, signal) => vmAt(place, signal),
    'vm.start': async ({ place }, signal) => {
      const vm = await vmAt(place, signal);
      const power = powerAt(place);
      if (vm.state === 'paused' || vm.state === 'shutting-down')
        throw new EngineError('VM_NOT_OFF', { place, state: vm.state });
      if (vm.state === 'running') return vm;
      await machines.start(vm, () => power.start(vm.id, signal), signal);
      log('vm.started', vm);
      return vmAt(place, signal);
    },
    'vm.stop': async ({ place, withinSeconds, hard, confirm }, signal) => {
      const vm = await vmAt(place, signal);
      const power = powerAt(place);
      if (vm.state === 'off' || vm.state === 'saved') return vm;
      if (hard) {
        if (confirm !== vm.name) throw new EngineError('VM_CUT_CONFIRM', { place, name: vm.name });
        await power.cut(vm.id, signal);
        log('vm.cut', vm);
        return { ...vm, state: 'off' };
      }
      const state = await shutDownUntil(power, vm.id, performance.now() + withinSeconds * 1000, signal);
      if (state !== 'off' && state !== null)
        throw new EngineError('VM_WILL_NOT_SHUT_DOWN', { place, seconds: withinSeconds, cameOff: false });
      log('vm.stopped', vm);
      return { ...vm, state: 'off' };
    },
    'host.list': saved,
    'host.save': ({ host }) => {
      catalog.make();
      return saveHost(catalog.toWrite().layout.hosts, host);
    },
    'host.delete': ({ host }) => deleteHost(catalog.looking.layout.hosts, host),
  };
};
