/** A raw disk in a file that becomes an image of another format where it lies: nothing is copied but what lies under the header. */
import type { FileHandle } from 'node:fs/promises';
import type { Extent } from '../disk/block-source.port.ts';

export interface RawFile {
  /** opened for reading and writing; stays open */
  readonly handle: Pick<FileHandle, 'read' | 'write' | 'sync' | 'truncate'>;
  /** for errors */
  readonly path: string;
  readonly lengthBytes: number;
  /** what is not in them reads as zeros; ascending, disjoint */
  readonly data: readonly Extent[];
}

/**
 * The header comes last, after a sync: what is interrupted before does not look like an image of that format.
 * @returns once it is on the medium
 * @throws EngineError `WRITE_FAILED`, `DISK_FULL`, `READ_FAILED`, `ABORTED`; `FORMAT_UNSUPPORTED` where the format has no disks of that length
 */
export type InPlace = (raw: RawFile, signal: AbortSignal) => Promise<void>;
