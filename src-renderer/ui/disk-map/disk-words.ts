/** What the disks of a version are called, and how many there are. */
import { useI18n } from 'vue-i18n';
import { useFormat } from '../../client/format.ts';
import type { PicturedDisk } from './segments.ts';

/** A point between two facts stays in the line of the first. */
const BETWEEN = '\u00a0· ';

/** Call it in a component's set-up. */
export function useDiskWords() {
  const { t } = useI18n();
  const { bytes, count } = useFormat();

  /** `Disk 1 · boot disk · 24 GB`. @param index from 0 */
  const title = (
    { role, capacityBytes }: { role: 'boot' | 'data' | 'unknown'; capacityBytes: number },
    index: number,
  ) => [t('disk.numbered', { number: index + 1 }), t(`disk.role.${role}`), bytes(capacityBytes)].join(BETWEEN);

  /** All disks of a version, each with its title. */
  const pictured = (
    disks: readonly { role: 'boot' | 'data' | 'unknown'; capacityBytes: number; layout: PicturedDisk }[],
  ) => disks.map((one, i) => ({ disk: one.layout, title: title(one, i) }));

  /** `2 disks`; '' where there is one */
  const howMany = ({ length }: readonly unknown[]) => (length > 1 ? count('disk.count', length) : '');

  /** `4.1 GB stored of 24 GB` */
  const stored = ({ storedBytes, capacityBytes }: { storedBytes: number; capacityBytes: number }) =>
    t('template.storedOf', { stored: bytes(storedBytes), capacity: bytes(capacityBytes) });

  return { title, pictured, howMany, stored };
}
