/** Virtual machines of the hypervisors that are here. Nothing is changed. */
import { listHypervisors, vmAt } from '../../machines/hypervisors/hypervisors.ts';
import type { Operations } from './operations.ts';

export const vmOperations = (): Operations<'vm.list' | 'vm.show'> => ({
  'vm.list': (_, signal) => listHypervisors(signal),
  'vm.show': ({ place }, signal) => vmAt(place, signal),
});
