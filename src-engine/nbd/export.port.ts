/** What a server has to offer: one disk, under one name. */
import type { BlockSource } from '../disk/block-source.port.ts';

export interface NbdExport {
  /** clients may ask for '' as well */
  readonly name: string;
  /** for people: shown by clients that list what there is */
  readonly description: string;
  readonly source: BlockSource;
  /** is told why a read failed: the client learns no more than that it did */
  failed?(error: unknown): void;
}
