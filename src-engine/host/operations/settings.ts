/** Settings of several machines, before anything is planned with them. */
import { EngineError } from '../../core/engine-error.ts';
import { alikeChecks } from '../../jobs/deploy/machines-alike.ts';
import { networkChecks } from '../../jobs/deploy/network-checks.ts';
import { settingsFor } from '../../jobs/deploy/settings-for-target.ts';
import { tableRows } from '../settings-table.ts';
import type { Operations } from './operations.ts';

export const settingsOperations = (): Operations<'settings.each' | 'settings.read'> => ({
  'settings.each': ({ settings, machines, each }) => {
    const all = Array.from({ length: machines }, (_, i) => settingsFor(settings, each?.[i], i + 1)!);
    const checks = alikeChecks(all);
    return all.map((one, i) => ({ settings: one, checks: [...checks[i], ...networkChecks(one.network, [])] }));
  },
  'settings.read': ({ fileName, text }) =>
    tableRows(fileName, text, (line, column, value) => {
      return new EngineError('BAD_REQUEST', {
        reason: value === '' ? 'table cell empty' : 'table cell',
        path: fileName,
        line: String(line),
        column,
        value,
      });
    }),
});
