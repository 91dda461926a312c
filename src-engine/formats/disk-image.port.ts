/** The port of the virtual disk formats: from a file to the disk that it holds. */
import type { BlockSource } from '../disk/block-source.port.ts';

export type DiskImageFormat = 'raw' | 'qcow2' | 'vmdk' | 'vdi' | 'vhd' | 'vhdx';

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
}

/**
 * Opens a file of the image's own folder. It is called with plain names only; see {@link checkSiblingName}.
 * @throws EngineError `NOT_FOUND` with the name as `path`
 */
export type OpenSibling = (name: string) => Promise<BlockSource>;

/** What a format may ask for while it opens an image. */
export interface ImageContext {
  readonly signal: AbortSignal;
  /**
   * A file beside the image, as bytes: an extent.
   * @throws EngineError `FORMAT_UNSUPPORTED` for a name that leaves the folder, before anything is opened; `NOT_FOUND`
   */
  openSibling: OpenSibling;
  /**
   * A file beside the image, as a disk of whatever format: a backing file, a parent.
   * @param isRaw its bytes are the disk, whatever they look like
   * @throws EngineError as openSibling; `FORMAT_INVALID` for chains that are endless or too long
   */
  openParent(name: string, isRaw?: boolean): Promise<DiskImage>;
}

/**
 * Recognises a format by content and opens the image. On success the image owns `file`; otherwise the caller closes it.
 * @returns null where it is not of this format
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `FILE_TRUNCATED`, `READ_FAILED`
 */
export type RecogniseImage = (file: BlockSource, context: ImageContext) => Promise<DiskImage | null>;
