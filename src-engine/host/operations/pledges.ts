/** What jobs whose process is gone still owe. */
import type { Host, Operations } from './operations.ts';

export const pledgeOperations = ({ pledges }: Host): Operations<'pledge.list' | 'pledge.keep' | 'pledge.drop'> => ({
  'pledge.list': () => pledges.list(),
  'pledge.keep': async ({ id }) => {
    await pledges.keep(id);
    return {};
  },
  'pledge.drop': async ({ id }) => {
    await pledges.drop(id);
    return {};
  },
});
