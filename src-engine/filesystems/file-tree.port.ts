/** Looking inside a file system: folders, files, links, and where a file's bytes lie. Reads only. */
import type { FileKind } from '../contract/files.contract.ts';
import type { Extent } from '../disk/block-source.port.ts';

/** A file, a folder or something else that has a name in a folder. */
export interface FileNode {
  /** stands for it in its file system: two names with the same id are one file (hard links) */
  readonly id: string;
  readonly kind: FileKind;
  /** of the content; what a folder or a device says of itself is 0 */
  readonly lengthBytes: number;
  /** milliseconds since 1970, UTC; null where none is kept or the value cannot be a date */
  readonly modifiedMs: number | null;
  /** permission bits, 0o7777 at most; null where the file system keeps none */
  readonly mode: number | null;
  readonly ownerId: number | null;
  readonly groupId: number | null;
  readonly linkCount: number;
}

export interface FolderEntry {
  /** see names.ts: bytes that are no UTF-8 stand as `\xNN`. Never '', '.' or '..'; may hold '/' where the file system is hostile */
  readonly name: string;
  readonly node: FileNode;
}

export interface FileContent {
  readonly lengthBytes: number;
  /**
   * Fills `into` from `offsetBytes`; holes and what was never written read as zeros.
   * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
   */
  readInto(offsetBytes: number, into: Uint8Array): Promise<void>;
  /** The runs of the content that are not holes, ascending, in batches: for copies that stay sparse. */
  dataRuns(signal: AbortSignal): AsyncIterable<Extent[]>;
}

/** The root of a tree of files beside the first, in the same file system. */
export interface SubvolumeRoot {
  /** from the topmost folder, without '/' before it */
  readonly path: string;
  readonly node: FileNode;
}

/**
 * One opened file system. Everything is read when it is asked for, in bounds, with limits on the depth of trees and on how
 * often a block is visited: memory does not grow with the volume. Nodes stay valid as long as the source is open.
 * All methods throw EngineError `FORMAT_INVALID` for damage, `FORMAT_UNSUPPORTED` (data: `feature`), `READ_FAILED`.
 */
export interface FileTree {
  readonly root: FileNode;
  /** What is in a folder, in the file system's own order, in batches; without '.' and '..'. */
  list(folder: FileNode, signal: AbortSignal): AsyncIterable<FolderEntry[]>;
  /** One name of a folder, compared as the file system does (without regard to case in FAT, exFAT and NTFS), or null. */
  find(folder: FileNode, name: string): Promise<FileNode | null>;
  /** Where a link points, with '/' between names. */
  readLink(link: FileNode): Promise<string>;
  open(file: FileNode): Promise<FileContent>;
  /**
   * Where the content of a file or folder lies in the volume, and what of the metadata is its alone (blocks of its extent
   * tree), in any order, in batches; not what lies inside a shared metadata block.
   */
  extents(node: FileNode, signal: AbortSignal): AsyncIterable<Extent[]>;
  /** Of a file system that has such: subvolumes and snapshots, wherever they lie, without {@link root}. */
  subvolumes?(signal: AbortSignal): AsyncIterable<SubvolumeRoot>;
}
