/** The volumes of a planned deploy, before and after: a line for each, where any of them changes. */
import type { VolumePlan } from '../../src-engine/contract/index.ts';
import { printable } from './printable.ts';
import { table } from './text-table.ts';
import type { Words } from './words.ts';

export function volumePlanLines(words: Words, volumes: readonly VolumePlan[]): string[] {
  const { t } = words;
  const isMoved = (volume: VolumePlan) => volume.startBytes !== volume.beforeStartBytes;
  if (volumes.every((volume) => volume.lengthBytes === volume.beforeBytes && !isMoved(volume))) return [];
  // what lies in a group has no place of its own on the disk
  const place = ({ volume }: VolumePlan, lengthBytes: number, startBytes: number) =>
    volume.includes('/') ? words.bytes(lengthBytes) : t('cli.at', { lengthBytes, startBytes });
  return table(
    ['volume', 'before', '', 'after', 'how'].map((column) => column && t(`cli.column.${column}`)),
    volumes.map((volume) => [
      printable(volume.volume),
      place(volume, volume.beforeBytes, volume.beforeStartBytes),
      '→',
      place(volume, volume.lengthBytes, volume.startBytes),
      t(`cli.volume-method.${volume.method === 'kept' && isMoved(volume) ? 'moved' : volume.method}`, {
        tools: volume.tools,
      }),
    ]),
  ).map((line) => `  ${line}`);
}
