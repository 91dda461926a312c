/** The folder that an image is read from, as whoever reads it opens it. */

/** What the reader of a folder may ask of it. */
export interface FolderFiles {
  /** plain names of the regular files in it */
  readonly names: readonly string[];
  /** @returns the content of a small file, at most `maxBytes` of it; null where it is not there */
  read(name: string, maxBytes: number): Promise<Buffer | null>;
}
