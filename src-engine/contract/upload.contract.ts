/** Files that a page sends, where a browser does not tell where they lie. Sizes are in bytes. */
import { z } from 'zod';
import { bytes } from './disk.contract.ts';

/** Where pieces are sent to: `/upload/UPLOAD/FILE/OFFSET`, the file by its place in the list, from 0. */
export const UPLOAD_PATH = '/upload';
/** A piece is in memory as a whole. */
export const MAX_UPLOAD_PIECE_BYTES = 4 * 1024 * 1024;
/** Of one upload: a folder of Clonezilla's has some dozens, one of a machine in pieces of 2 GB some hundreds. */
export const MAX_UPLOAD_FILES = 1000;
/** Folders and the file in them. */
export const MAX_UPLOAD_DEPTH = 8;

/** Why files are not taken; `unread` is said by the page that could not send them. */
export type UploadFault = 'name' | 'deep' | 'many' | 'twice' | 'none' | 'busy' | 'unread';

export const UploadFileSchema = z.strictObject({
  /** the name of the file, or the way to it from the folder that was dropped, with slashes */
  path: z.string().max(4096),
  lengthBytes: bytes,
});
export type UploadFile = z.infer<typeof UploadFileSchema>;

/** Bytes as they are: pages send them by another way than their messages, which are text. */
export const PieceSchema = z.custom<Uint8Array>(
  (piece) => piece instanceof Uint8Array && piece.length <= MAX_UPLOAD_PIECE_BYTES,
);
