/** How fstab can name partitions by what the table of a disk says of them: PARTUUID= and PARTLABEL=. */
import { guid, struct } from '../core/struct.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { gptEntries } from '../volumes/gpt-copy.ts';
import { readTables } from '../volumes/read-layout.ts';

export interface PartitionIds {
  readonly partitionUuid: string;
  /** '' in an MBR */
  readonly partitionName: string;
}

/** UEFI 2.10, table 5.6: UniquePartitionGUID. */
const uniqueGuid = struct(32, { guid: guid(16) });

/**
 * By the number of the partition. Of an MBR it is the disk's signature and the number in two hexadecimal digits, as the
 * Linux kernel writes it (Documentation/admin-guide/kernel-parameters, root=).
 * @throws EngineError `READ_FAILED`
 */
export async function readPartitionIds(source: BlockSource): Promise<Map<number, PartitionIds>> {
  const { layout, gpt } = await readTables(source);
  const ids = new Map<number, PartitionIds>();
  if (gpt) {
    const { entries, entryBytes } = gpt.good;
    for (const { number, name } of gptEntries(gpt.good)) {
      const partitionUuid = uniqueGuid.read(entries, (number - 1) * entryBytes).guid;
      ids.set(number, { partitionUuid, partitionName: name });
    }
  } else if (layout.table === 'mbr' && layout.tableId !== '' && !/^0+$/.test(layout.tableId)) {
    for (const { number } of layout.partitions) {
      if (number === null) continue;
      const digits = number.toString(16).padStart(2, '0');
      ids.set(number, { partitionUuid: `${layout.tableId.toLowerCase()}-${digits}`, partitionName: '' });
    }
  }
  return ids;
}
