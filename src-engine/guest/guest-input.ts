/** What guest inspection is given: opened volumes and the first sectors of a disk. Nothing is ever mounted. */
import type { FileTree } from '../filesystems/file-tree.port.ts';

export interface GuestVolume {
  /** the number of its partition, '0' where the whole disk is the volume, or `GROUP/NAME` */
  readonly ref: string;
  readonly label: string;
  readonly uuid: string;
  /** what PARTUUID= names: the GUID of a partition of a GPT, or an MBR's signature and number, `1234abcd-01` */
  readonly partitionUuid?: string;
  /** what PARTLABEL= names: the name of a partition of a GPT */
  readonly partitionName?: string;
  /** the file system's kind: 'ext4', 'ntfs'… null where it is none known here */
  readonly kind: string | null;
  /** null where its files cannot be read */
  readonly tree: FileTree | null;
  /** what it holds where that is no file system known here: 'luks', 'lvm2'… */
  readonly recognised: string | null;
}

export interface GuestInput {
  readonly volumes: readonly GuestVolume[];
  /** the beginning of the disk: 512 bytes at least where it has them; empty where they could not be read */
  readonly firstSectors: Uint8Array;
}
