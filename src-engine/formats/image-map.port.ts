/** The port between a format, which knows where things are, and mapped-image.ts, which reads them. */
import type { BlockSource } from '../disk/block-source.port.ts';

/** How one stretch of the virtual disk is kept. Lengths are of the virtual disk. */
export type Piece = ZeroPiece | ParentPiece | StoredPiece | PackedPiece | MissingPiece;

export interface ZeroPiece {
  readonly kind: 'zeros';
  lengthBytes: number;
}
/** Not in this image: in the parent, at the same place. Where there is no parent, or it is too short: zeros. */
export interface ParentPiece {
  readonly kind: 'parent';
  lengthBytes: number;
}
export interface StoredPiece {
  readonly kind: 'stored';
  lengthBytes: number;
  readonly file: BlockSource;
  readonly offsetBytes: number;
}
/** A part of one compressed cluster. */
export interface PackedPiece {
  readonly kind: 'packed';
  lengthBytes: number;
  readonly file: BlockSource;
  readonly offsetBytes: number;
  /** the most that the compressed bytes take; what follows them may be the next cluster's */
  readonly packedBytes: number;
  /** where in the unpacked cluster the piece begins */
  readonly skipBytes: number;
}

/** The file ends before the table that says how this is kept. */
export interface MissingPiece {
  readonly kind: 'missing';
  lengthBytes: number;
  readonly file: BlockSource;
  /** how long the file has to be, at least */
  readonly neededBytes: number;
}

export interface ImageMap {
  readonly lengthBytes: number;
  /** length of a compressed cluster when it is unpacked; any number where there are none */
  readonly clusterBytes: number;
  /**
   * Pieces that follow each other from `startBytes`: at least one, at most `lengthBytes` together, and as far as one piece of a
   * table reaches. The range lies inside the image.
   * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
   */
  pieces(startBytes: number, lengthBytes: number): Promise<Piece[]>;
  /**
   * Unpacks one compressed cluster, which may be followed by other bytes.
   * @returns `clusterBytes` bytes
   * @throws Error where it cannot be unpacked; the reader says where that was
   */
  unpack?(packed: Buffer): Promise<Buffer>;
}

/** Entries of a table that are looked at in one go. */
export const MAX_ENTRIES = 8192;
