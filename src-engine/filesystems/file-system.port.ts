/** What a file system tells the engine: what it is, and which of its bytes are in use. */
import type { FileSystemKind } from '../contract/disk.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import type { FileTree } from './file-tree.port.ts';

export interface FileSystem {
  readonly kind: FileSystemKind;
  readonly label: string;
  readonly uuid: string;
  /** the unit of {@link used}: block or cluster, in bytes. Chunks are cut at multiples of it (at most 4 KiB, counted from an extent's start) */
  readonly blockBytes: number;
  /** the file system's own length; what follows it in the volume is not its. More than the volume's where it is cut off */
  readonly lengthBytes: number;
  /** where what it keeps a record of ends, where that is before its own end: sectors behind the last whole cluster are nobody's */
  readonly recordedBytes?: number;
  /**
   * `used-blocks`: what {@link used} yields is all that matters. `header-only`: the content means nothing (swap) and is not
   * captured. `whole`: known, but what is free cannot be told for certain (not cleanly unmounted, cut off, a hibernation image);
   * {@link used} then yields the whole volume, and the warnings say why.
   */
  readonly captureAs: 'used-blocks' | 'header-only' | 'whole';
  readonly warnings: readonly Warning[];
  /**
   * The used bytes in ascending order, disjoint and inside the volume, in batches of bounded size (a block group, a piece of
   * an allocation table), so that memory does not grow with the volume. May be called more than once.
   * @throws EngineError `FORMAT_INVALID` where the metadata cannot be trusted: the volume is then captured whole. Its data has
   *   `checksum` (what it belongs to) where a checksum is wrong
   * @param tell gets what a person should know and only a look at all of it shows
   */
  used(signal: AbortSignal, tell?: (warning: Warning) => void): AsyncIterable<Extent[]>;
  /**
   * Opens its files, read-only; null where it has none (swap). A file system that was not shut down cleanly shows what its
   * journal will make of it, where that is known here, else what is on the disk.
   * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `READ_FAILED`
   */
  readonly browse: (() => Promise<FileTree>) | null;
}

/**
 * @returns the file system that begins at byte 0 of `volume`, or null where there is none of this family
 * @throws EngineError `FORMAT_INVALID` for one that is damaged, `FORMAT_UNSUPPORTED` (data: `feature`) for one that cannot be read right
 */
export type RecogniseFileSystem = (volume: BlockSource) => Promise<FileSystem | null>;
