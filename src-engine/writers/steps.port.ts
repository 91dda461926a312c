/** What is to be done to the files of one volume: changes of a guest, with every link on the way followed already. */
import type { FileKind } from '../contract/files.contract.ts';
import type { FileNode, FileTree } from '../filesystems/file-tree.port.ts';
import type { KeptStart } from './kept-start.ts';
import type { GuestChange, LinkChange } from '../guest/changes.port.ts';

/** Names from the root of the file system down, none of them a link but perhaps the last. */
export type Names = readonly string[];

/** What is there before the step; `node` is null for what an earlier step made. */
export interface Was {
  readonly kind: FileKind;
  readonly node: FileNode | null;
}

interface StepOf<Do extends string, Change extends GuestChange> {
  readonly do: Do;
  readonly names: Names;
  /** why, and the path as the guest sees it */
  readonly change: Change;
}

/** Permission bits and owner, where a file system keeps them. */
export interface Ownership {
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
}

/** What is in a folder that is there stays. */
export interface MakeFolder extends StepOf<'make-folder', GuestChange>, Ownership {
  readonly isThere: boolean;
  /** as the guest sees it: on the way to the path of the change, or that path */
  readonly path: string;
}

export interface PutFile extends StepOf<'put-file', GuestChange>, Ownership {
  /** what it has; behind {@link kept}, where something of it stays */
  readonly bytes: Uint8Array;
  /** how the file that is there begins, and goes on beginning: it is only added to */
  readonly kept?: KeptStart | null;
  /** a file or a link that is replaced */
  readonly was: Was | null;
}

export interface PutLink extends StepOf<'put-link', LinkChange> {
  readonly was: Was | null;
}

/** A file, a link or the like; never a folder. */
export interface RemoveFile extends StepOf<'remove-file', GuestChange> {
  readonly was: Was;
}

/** All that is in a folder, and the folder itself where it is not kept. */
export interface ClearFolder extends StepOf<'clear-folder', GuestChange> {
  readonly node: FileNode;
  readonly keepsItself: boolean;
  /** paths below it that stay, with the folders that lead there: mount points, lost+found */
  readonly kept: readonly Names[];
}

export type VolumeStep = MakeFolder | PutFile | PutLink | RemoveFile | ClearFolder;

export interface VolumeChanges {
  readonly ref: string;
  /** the file system's kind */
  readonly kind: string;
  readonly tree: FileTree;
  readonly steps: readonly VolumeStep[];
}
