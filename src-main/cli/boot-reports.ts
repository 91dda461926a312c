/** What a boot proof saw, in words. */
import type { BootSight } from '../../src-engine/contract/index.ts';
import { printable } from './printable.ts';
import type { Words } from './words.ts';

export function bootLines({ t }: Words, sight: BootSight): string[] {
  const { sign, seconds, kernel, firmware, isSecureBoot, accelerator, failedUnits, bus, busesWithoutRoot } = sight;
  const how = `${firmware.toUpperCase()}${isSecureBoot ? ' (secure boot)' : ''}`;
  return [
    t('cli.done.boot', { sign: t(`cli.boot.signs.${sign}`), seconds }),
    ...(kernel === null ? [] : [printable(t('cli.boot.kernel', { kernel, firmware: how, accelerator }))]),
    ...(bus === undefined ? [] : [t('cli.boot.bus', { bus })]),
    ...(busesWithoutRoot ? [t('cli.boot.other-bus', { bus: busesWithoutRoot.join(', '), now: bus ?? '' })] : []),
    ...(failedUnits.length > 0 ? [printable(t('cli.boot.failed-units', { units: failedUnits.join(', ') }))] : []),
    ...(sign === 'picture' ? [t('cli.boot.picture-only')] : []),
  ];
}
