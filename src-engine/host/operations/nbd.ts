/** Versions served to other programs. */
import { EngineError } from '../../core/engine-error.ts';
import { diskOf } from '../../versions/found-disk.ts';
import type { Host, Operations } from './operations.ts';

export const nbdOperations = ({ catalog, served }: Host): Operations<'nbd.open' | 'nbd.list' | 'nbd.close'> => ({
  'nbd.open': async ({ template, disk, ...on }) => {
    if (on.socket !== undefined && on.port !== undefined)
      throw new EngineError('BAD_REQUEST', { field: 'port', reason: 'socket-and-port' });
    return served.open(catalog.parts, diskOf(catalog.parts.templates.find(template), disk), on);
  },
  'nbd.list': () => served.list(),
  'nbd.close': async ({ id }) => {
    await served.close(id);
    return {};
  },
});
