/** The tables of a disk as they are to be once its partitions have other places. */
import type { Extent } from '../../disk/block-source.port.ts';
import { backupBytes, primaryEndBytes } from '../gpt.ts';
import { entrySectors, placedCopy } from '../gpt-copy.ts';
import type { Tables } from '../read-layout.ts';
import { roundDown } from './rounding.ts';

/** An entry of an MBR has 32 bits for a sector. */
const MAX_MBR_SECTORS = 2 ** 32;

/**
 * @param tables a GPT, an MBR, or none
 * @param places of all its partitions, in the order of the layout, in whole sectors of the tables
 */
export function placedTables(tables: Tables, places: readonly Extent[]): Tables {
  const { layout, gpt } = tables;
  const isSame = layout.partitions.every((partition, i) => {
    return partition.startBytes === places[i].startBytes && partition.lengthBytes === places[i].lengthBytes;
  });
  if (isSame) return tables;
  const partitions = layout.partitions.map((partition, i) => ({ ...partition, ...places[i] }));
  const endBytes = Math.max(0, ...partitions.map(({ startBytes, lengthBytes }) => startBytes + lengthBytes));
  if (!gpt) return { ...tables, layout: { ...layout, partitions, minimumBytes: endBytes }, isPlaced: true };

  const byNumber = new Map(
    partitions.map(({ number, startBytes, lengthBytes }) => [number!, { startBytes, lengthBytes }]),
  );
  const good = placedCopy(gpt.good, gpt.sectorBytes, byNumber);
  // a primary copy that says the same as the backup is what a disk has that nothing was changed on
  const placed = { ...gpt, good, primary: gpt.primary && { ...gpt.primary, entries: good.entries } };
  const firstUsableEnd = (Number(good.firstUsableLba) + 1) * gpt.sectorBytes;
  const minimumBytes = Math.max(endBytes, primaryEndBytes(placed), firstUsableEnd) + backupBytes(placed);
  return { ...tables, layout: { ...layout, partitions, minimumBytes }, gpt: placed, isPlaced: true };
}

/** @returns where the room for partitions ends on a disk of that length, with these tables */
export function roomEnd({ layout, gpt }: Tables, diskBytes: number, sectorBytes: number): number {
  const wholeBytes = roundDown(diskBytes, sectorBytes);
  if (gpt) return wholeBytes - (entrySectors(gpt.good, sectorBytes) + 1) * sectorBytes;
  return layout.table === 'mbr' ? Math.min(wholeBytes, MAX_MBR_SECTORS * sectorBytes) : wholeBytes;
}
