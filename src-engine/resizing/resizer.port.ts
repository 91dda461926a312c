/** How the length of a file system of one family is changed: by whom, on what, and within which limits. */
import type { VolumePlan } from '../contract/deploy.contract.ts';
import type { MessageData } from '../contract/errors.ts';
import type { CheckCode, WarningCode } from '../contract/warnings.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { FileSystem } from '../filesystems/file-system.port.ts';
import type { Tool } from '../tools/tools.ts';
import type { Piece } from './piece.ts';

export interface Way {
  readonly method: Exclude<VolumePlan['method'], 'kept'>;
  /** for loop devices, mounts */
  readonly needsRoot: boolean;
  /** the kernel has to know the file system */
  readonly isMounted?: boolean;
  /** beside those of the family */
  readonly tools: readonly Tool[];
}

/** Lengths of the file system in bytes, or why none but its own can be. */
export type Limits =
  | { readonly minimumBytes: number; readonly maximumBytes: number; readonly refusal?: undefined }
  | { readonly refusal: 'feature' };

export interface Resizer {
  /** programs that every way needs */
  readonly tools: readonly Tool[];
  /** the best first */
  readonly growing: readonly Way[];
  readonly shrinking: readonly Way[];
  /** what may be said of a file system whose length is changed: its program mends it on the way */
  readonly toleratedWarnings: readonly WarningCode[];
  /**
   * @param usedBytes what a capture takes of it @param mayShrink whether the least matters: a program may be asked for it
   * @throws EngineError `READ_FAILED`, `FORMAT_INVALID`
   */
  limits(volume: BlockSource, fileSystem: FileSystem, usedBytes: number, mayShrink: boolean): Promise<Limits>;
  /**
   * Changes its length on a piece that is long enough for both.
   * @param toBytes of the volume; what of it is no whole block stays unused
   * @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`, `ABORTED`
   */
  resize(piece: Piece, fileSystem: FileSystem, toBytes: number, signal: AbortSignal): Promise<void>;
  /** for a disk with sectors that are larger than its blocks: it is made anew there; of families that can be */
  readonly remaking?: Way;
  /** Lengths that it can have when it is made anew for larger sectors. @throws EngineError `READ_FAILED`, `FORMAT_INVALID` */
  remadeLimits?(volume: BlockSource, fileSystem: FileSystem, usedBytes: number, sectorBytes: number): Promise<Limits>;
  /**
   * Makes it anew on another piece, with blocks no smaller than its sectors, and copies its files with all they carry: for one that cannot get that
   * length, or those sectors.
   * @throws as {@link resize}
   */
  rebuild?(from: Piece, to: Piece, fileSystem: FileSystem, signal: AbortSignal): Promise<void>;
}

/** Why the length of a volume stays what it is: a check to be, without the volume's name. */
export interface LengthRefusal {
  readonly code: Extract<
    CheckCode,
    | 'VOLUME_FIXED_LENGTH'
    | 'VOLUME_AT_ITS_LEAST'
    | 'VOLUME_NOT_SOUND'
    | 'VOLUME_DATA_BEHIND'
    | 'VOLUME_NEEDS_TOOL'
    | 'VOLUME_NEEDS_ROOT'
    | 'VOLUME_NEEDS_KERNEL'
    | 'VOLUME_MOUNTED_HERE'
  >;
  readonly data: MessageData;
}

export interface VolumeWays {
  /** a way that can be gone here, or why there is none */
  readonly growing: Way | LengthRefusal;
  readonly shrinking: Way | LengthRefusal;
  readonly minimumBytes: number;
  readonly maximumBytes: number;
}
