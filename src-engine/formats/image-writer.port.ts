/** The port of the writers: from a disk's data, in ascending order, to an image file. */
import type { ClusterCodec } from '../core/pack-clusters.ts';

/** A new file that an image is written to: under a temporary name, or a window of a larger file. */
export interface OutputFile {
  /**
   * Writes at any place; what lies between reads as zeros. `bytes` may be used again when it is done.
   * @throws EngineError `WRITE_FAILED`, `DISK_FULL`
   */
  write(offsetBytes: number, bytes: Uint8Array): Promise<void>;
  /** Makes the file that long, with zeros where nothing was written. */
  setLength(lengthBytes: number): Promise<void>;
  /** Everything written so far is safe when it is done. */
  sync(): Promise<void>;
  /** Ends the writing and keeps the file. */
  close(): Promise<void>;
  /** Ends the writing and removes the file. Never fails. */
  discard(): Promise<void>;
}

export interface ImageWriter {
  /** length of the disk in the image: as asked for, or as much longer as the format's steps demand */
  readonly lengthBytes: number;
  /**
   * Takes data of the disk, ascending and disjoint; one call at a time. What is never written, and what is zeros, becomes holes. Waits
   * where the file or the processor is behind; `bytes` may be used again when it is done.
   * @throws EngineError `WRITE_FAILED`, `DISK_FULL`; `FORMAT_UNSUPPORTED` where the image gets longer than its format allows
   */
  write(offsetBytes: number, bytes: Uint8Array): Promise<void>;
  /** Writes what is left, syncs and closes the file. Only then is it an image. Whoever gets an error calls `abort`. */
  finish(): Promise<void>;
  /** Waits for what is under way and removes the file. */
  abort(): Promise<void>;
}

/**
 * Compresses clusters as `packClusters` (core) does, wherever there is time.
 * @param memory changes hands; what comes back may be other memory
 */
export type PackClusters = (
  codec: ClusterCodec,
  memory: Uint8Array,
  clusterBytes: number,
) => Promise<{ memory: Uint8Array; lengths: Uint32Array }>;

export interface ImageOptions {
  /** logical sector size of the disk; only VHDX can say that it is 4096 */
  readonly sectorBytes: number;
  readonly physicalSectorBytes: number;
  /** for formats whose clusters are compressed; by default the calling thread does it */
  readonly pack?: PackClusters;
}

/** @param lengthBytes of the disk @throws EngineError `FORMAT_UNSUPPORTED` where the format has no disks of that length */
export type CreateImage = (file: OutputFile, lengthBytes: number, options: ImageOptions) => Promise<ImageWriter>;

/** What a format does to lengths: for plans, before anything is written. */
export interface LengthRule {
  /** lengths are rounded up to multiples of this */
  readonly stepBytes: number;
  readonly maxBytes: number;
  /** the most that the image file takes beside the disk's data, in units that are written whole */
  overheadBytes(lengthBytes: number): number;
}
