/** What a server has to offer: one disk, under one name; and where it is. */
import type { BlockSource } from '../disk/block-source.port.ts';

/** Where a server is: a Unix socket, or a port of the loopback address. */
export type NbdPlace = { readonly socketPath: string } | { readonly port: number };

export const LOOPBACK = '127.0.0.1';

export interface NbdExport {
  /** clients may ask for '' as well */
  readonly name: string;
  /** for people: shown by clients that list what there is */
  readonly description: string;
  readonly source: BlockSource;
  /** is told why a read failed: the client learns no more than that it did */
  failed?(error: unknown): void;
}
