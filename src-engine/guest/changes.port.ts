/**
 * What is to become other inside a guest: a list first, made by generators that write nothing; carried out afterwards by whoever can write
 * the file systems that it concerns, and compared with what our own readers find there.
 */
import type { ChangeReason } from '../contract/deploy.contract.ts';

interface ChangeOf<Kind extends string> {
  readonly kind: Kind;
  readonly reason: ChangeReason;
  /** absolute, as the guest sees it; links on the way are followed inside the guest, a link at its end is replaced */
  readonly path: string;
}

/** A file with that content, instead of whatever was there. Folders that are missing on the way are made, root's, 0755. */
export interface WriteChange extends ChangeOf<'write'> {
  readonly bytes: Uint8Array;
  /** permission bits; null: what was there keeps its own, a new file gets 0644 */
  readonly mode: number | null;
  /** null: as what was there; root's where nothing was */
  readonly owner: { readonly userId: number; readonly groupId: number } | null;
  /** neither plans nor logs show what is in it */
  readonly isSecret: boolean;
}

/** A file, a link, or a folder with all that is in it; nothing there is nothing to do. */
export type RemoveChange = ChangeOf<'remove'>;

/** A file to no bytes, a folder to no entries: it stays itself. Nothing there is nothing to do. */
export type EmptyChange = ChangeOf<'empty'>;

export interface LinkChange extends ChangeOf<'link'> {
  readonly target: string;
}

/** A folder with that owner and those bits: made where there is none, with what is in it left alone where there is one. */
export interface FolderChange extends ChangeOf<'folder'> {
  readonly mode: number;
  readonly owner: { readonly userId: number; readonly groupId: number };
}

/** Carried out in their order: a folder may be emptied before something new is put into it. No path stands in a list twice. */
export type GuestChange = WriteChange | RemoveChange | EmptyChange | LinkChange | FolderChange;
