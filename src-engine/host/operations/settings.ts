/** Settings of several machines, before anything is planned with them. */
import { EngineError } from '../../core/engine-error.ts';
import { alikeChecks } from '../../jobs/deploy/machines-alike.ts';
import { networkChecks } from '../../jobs/deploy/network-checks.ts';
import { settingsFor } from '../../jobs/deploy/settings-for-target.ts';
import { pathsBySerial } from '../../jobs/deploy/targets-by-serial.ts';
import { tableRows } from '../settings-table.ts';
import type { Host, Operations } from './operations.ts';

export const settingsOperations = ({ catalog, catalogPath }: Host): Operations<'settings.each' | 'settings.read'> => ({
  'settings.each': ({ settings, machines, each }) => {
    const all = Array.from({ length: machines }, (_, i) => settingsFor(settings, each?.[i], i + 1)!);
    const checks = alikeChecks(all);
    return all.map((one, i) => ({ settings: one, checks: [...checks[i], ...networkChecks(one.network, [])] }));
  },
  'settings.read': async ({ fileName, text }) => {
    const rows = tableRows(fileName, text, (line, column, value) => {
      return new EngineError('BAD_REQUEST', {
        reason: value === '' ? 'table cell empty' : 'table cell',
        path: fileName,
        line: String(line),
        column,
        value,
      });
    });
    const named = rows.map(({ target }) => target);
    const paths = await pathsBySerial(catalog.machine, catalogPath, named);
    return rows.map((row, i) => ({ ...row, target: paths[i] }));
  },
});
