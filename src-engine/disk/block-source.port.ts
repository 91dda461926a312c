/** The ports of the disk room: something that can be read at random, and something that can be written. Offsets in bytes. */

export interface BlockSource {
  readonly lengthBytes: number;
  /** logical sector size: what partition tables count in */
  readonly sectorBytes: number;
  readonly physicalSectorBytes: number;
  /**
   * Fills `into` from `offsetBytes`. Many reads may be under way at once.
   * @throws EngineError `READ_FAILED` with the offset; `FORMAT_INVALID` where the range is outside the source
   */
  readInto(offsetBytes: number, into: Uint8Array): Promise<void>;
  /**
   * The runs of a range that hold data, ascending, in batches, in offsets of the source; everything else reads as zeros and
   * need not be read. Absent where that is not known.
   */
  dataRuns?(startBytes: number, lengthBytes: number, signal: AbortSignal): AsyncIterable<Extent[]>;
  close(): Promise<void>;
}

export interface BlockSink {
  readonly lengthBytes: number;
  readonly sectorBytes: number;
  readonly physicalSectorBytes: number;
  /** true where every byte that is not written is known to read as zero (a new sparse file) */
  readonly isEmpty: boolean;
  /** @throws EngineError `WRITE_FAILED` or `DISK_FULL` with the offset */
  write(offsetBytes: number, bytes: Uint8Array): Promise<void>;
  /** Until this resolves, nothing written is safe. */
  sync(): Promise<void>;
  /**
   * Fills `into` with what the medium holds, past the page cache where the system allows it (see `readBack`).
   * `into` must be page-aligned memory (core/aligned-memory), offset and length multiples of 4096; what of it lies behind the
   * end of the medium is left as it is.
   */
  readBackInto(offsetBytes: number, into: Uint8Array): Promise<void>;
  /** how {@link readBackInto} reads */
  readonly readBack: 'direct' | 'cached';
  close(): Promise<void>;
}

/** A run of bytes of a source or a volume. */
export interface Extent {
  readonly startBytes: number;
  readonly lengthBytes: number;
}
