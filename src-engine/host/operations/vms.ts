/** Virtual machines of the hypervisors that are here, and of hosts that were named. No machine is changed. */
import { listHypervisors, vmAt } from '../../machines/hypervisors/hypervisors.ts';
import { deleteHost, listHosts, saveHost } from '../../machines/hypervisors/saved-hosts.ts';
import type { Host, Operations } from './operations.ts';

export const vmOperations = ({
  catalog,
}: Host): Operations<'vm.list' | 'vm.show' | 'host.list' | 'host.save' | 'host.delete'> => {
  const saved = () => listHosts(catalog.looking.layout.hosts);
  return {
    'vm.list': async ({ host }, signal) => {
      if (host === undefined) return listHypervisors(true, await saved(), signal);
      return listHypervisors(host === null, host === null ? [] : [host], signal);
    },
    'vm.show': ({ place }, signal) => vmAt(place, signal),
    'host.list': saved,
    'host.save': ({ host }) => {
      catalog.make();
      return saveHost(catalog.toWrite().layout.hosts, host);
    },
    'host.delete': ({ host }) => deleteHost(catalog.looking.layout.hosts, host),
  };
};
