/** What the volumes room tells: where the partitions of a disk are, and which bytes around them belong to the layout. */
import type { Warning } from '../contract/warnings.ts';
import type { Extent } from '../disk/block-source.port.ts';

export interface Partition {
  /** number in its table, from 1 (logical partitions of an MBR from 5); null where the whole disk is the volume */
  readonly number: number | null;
  readonly startBytes: number;
  readonly lengthBytes: number;
  /** GPT type GUID in upper case, MBR type as two hexadecimal digits, '' without a table */
  readonly typeId: string;
  /** GPT partition name, or '' */
  readonly name: string;
  /** PARTUUID as blkid has it: a GPT's GUID in lower case, an MBR's signature and the number in hexadecimal digits; not there for none */
  readonly partitionUuid?: string;
  readonly isLogical: boolean;
  readonly isBootable: boolean;
}

export interface DiskLayout {
  readonly table: 'gpt' | 'mbr' | 'none';
  /** GPT disk GUID, MBR signature as eight hexadecimal digits, or '' */
  readonly tableId: string;
  /** what the table counts in; not the source's sector size where a warning GPT_SECTOR_SIZE_DIFFERS says so */
  readonly sectorBytes: number;
  /** in order of start, disjoint, inside the disk */
  readonly partitions: readonly Partition[];
  /**
   * Bytes outside the partitions that a capture takes, ascending and disjoint: boot code, both GPTs, the gap before the
   * first partition, the sectors of the chain of logical partitions. Other gaps are not taken.
   */
  readonly metadata: readonly Extent[];
  /**
   * The smallest disk that this layout fits on, the backup GPT included. More than the disk's own length where the image
   * was cut off right behind its last partition, so that the backup GPT has no place.
   */
  readonly minimumBytes: number;
  readonly warnings: readonly Warning[];
}

/** Bytes that replace what a template holds when its tables move to a disk of another size. */
export interface Patch {
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
}

/** How the tables of a layout come onto a disk of another size. All lists ascend; no list overlaps itself. */
export interface Relocation {
  /** written in place of what the template holds there; none where both GPTs are good and in their places */
  readonly patches: readonly Patch[];
  /** the old backup GPT: not written where no patch covers it */
  readonly stale: readonly Extent[];
  /**
   * What makes the target look like a finished disk: first sector, both GPTs, the head of a bare file system. A deploy
   * clears these first and writes them last.
   */
  readonly finishing: readonly Extent[];
}
