/** Versions served to other programs. */
import { diskOf } from '../../versions/found-disk.ts';
import type { Host, Operations } from './operations.ts';

export const nbdOperations = ({ catalog, served }: Host): Operations<'nbd.open' | 'nbd.list' | 'nbd.close'> => ({
  'nbd.open': ({ template, disk, ...on }) =>
    served.open(catalog.parts, diskOf(catalog.parts.templates.find(template), disk), on),
  'nbd.list': () => served.list(),
  'nbd.close': async ({ id }) => {
    await served.close(id);
    return {};
  },
});
