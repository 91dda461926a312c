/** Machines that need a template which is served to them. */
import type { Host, Operations } from './operations.ts';

export const servedMachineOperations = ({ machines }: Host): Operations<'vm.served' | 'vm.stream'> => ({
  'vm.served': () => machines.list(),
  'vm.stream': async ({ id }) => ({ jobId: await machines.stream(id) }),
});
