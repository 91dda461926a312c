/** The port of the virtual disk formats: from a file to the disk that it holds. */
import type { DiskFormat } from '../contract/disk.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import type { JobContext } from '../core/job-context.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';

export type DiskImageFormat = DiskFormat;

/** What an image keeps of writes to it since some moment. */
export interface KeptBitmap {
  readonly name: string;
  /** false where something may have been written without it: after a crash, or by a program that knows no bitmaps */
  readonly isConsistent: boolean;
  /** whatever is written from now on is told by it, too */
  readonly isRecording: boolean;
  /**
   * @returns what was written, ascending, none touching the next, in offsets of the disk
   * @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`, `READ_FAILED`
   */
  written(startBytes: number, lengthBytes: number): Promise<Extent[]>;
}

export interface DiskImage {
  readonly format: DiskImageFormat;
  /** which kind of it, in the format's own word: 'streamOptimized', 'dynamic' */
  readonly variant: string;
  /** The disk. Its length is the virtual size. Closing it closes the image's file and whatever was opened beside it. */
  readonly source: BlockSource;
  /** what a differencing image calls this one as its parent (a UUID, a content id); null where the format has no such thing */
  readonly identity: string | null;
  /** plain names of the files beside it that it needs: its parent, and what that one needs; extents */
  readonly dependsOn: readonly string[];
  /**
   * Reads which bitmaps the image keeps. Absent: its format has none.
   * @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`, `READ_FAILED`
   */
  readonly bitmaps?: () => Promise<readonly KeptBitmap[]>;
  /** what a person should know of the file */
  readonly warnings?: readonly Warning[];
  /**
   * Compares the disk with sums of it that the file carries; whoever does not call it says so (`IMAGE_SUMS_NOT_CHECKED`). Null or absent:
   * there are none, or what is read is checked as it is read.
   * @throws EngineError `FORMAT_INVALID`
   */
  readonly verify?: ((context: Pick<JobContext, 'signal' | 'advance'>) => Promise<void>) | null;
}

/**
 * Opens a file of the image's own folder. It is called with plain names only; see {@link checkSiblingName}.
 * @throws EngineError `NOT_FOUND` with the name as `path`
 */
export type OpenSibling = (name: string) => Promise<BlockSource>;

/**
 * Opens what an image names as the disk below it, wherever that is: for images of a machine, whose hypervisor goes by these names too.
 * @param name as it stands in the image @param of the path of that image
 * @returns the opened file, and the path by which it is told from others
 * @throws EngineError `FILE_MISSING`; `FORMAT_UNSUPPORTED` for what is no file and no device; `PERMISSION_DENIED`
 */
export type FollowParent = (name: string, of: string) => Promise<{ file: BlockSource; path: string }>;

/** What a format may ask for while it opens an image. */
export interface ImageContext {
  readonly signal: AbortSignal;
  /** the file's plain name, for words */
  readonly path: string;
  /** a person, or the image before it, says that the file is of this format: what only looks like it need not be doubted */
  readonly isSaid: boolean;
  /** the file, to look for marks that do not stand in its first sector; see {@link markSource} */
  readonly look: BlockSource;
  /**
   * A file beside the image, as bytes: an extent.
   * @throws EngineError `FORMAT_UNSUPPORTED` for a name that leaves the folder, before anything is opened; `NOT_FOUND`
   */
  openSibling: OpenSibling;
  /**
   * A file beside the image, as a disk: a backing file, a parent.
   * @param told the format that the image gives it: nothing else is looked for, and of `raw` its bytes are the disk, whatever they look
   *   like. null: where it does not say, what the file holds has to be what its name says, or raw
   * @throws EngineError as openSibling; `FORMAT_INVALID` for chains that are endless or too long, and for files that are not of the
   *   format; `FORMAT_UNSUPPORTED` where the format is neither told nor named
   */
  openParent(name: string, told: DiskImageFormat | null): Promise<DiskImage>;
}

/**
 * Recognises a format by content and opens the image. On success the image owns `file`; otherwise the caller closes it.
 * @returns null where it is not of this format
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `FILE_TRUNCATED`, `READ_FAILED`
 */
export type RecogniseImage = (file: BlockSource, context: ImageContext) => Promise<DiskImage | null>;
