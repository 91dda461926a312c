/** Pieces in the making: neighbours that are kept the same way become one. */
import type { BlockSource } from '../disk/block-source.port.ts';
import type { PackedPiece, Piece } from './image-map.port.ts';

const LONG = 8192;

export class PieceList {
  readonly pieces: Piece[] = [];
  #last: Piece | undefined;

  zeros(lengthBytes: number): void {
    if (this.#last?.kind === 'zeros') this.#last.lengthBytes += lengthBytes;
    else this.#push({ kind: 'zeros', lengthBytes });
  }

  parent(lengthBytes: number): void {
    if (this.#last?.kind === 'parent') this.#last.lengthBytes += lengthBytes;
    else this.#push({ kind: 'parent', lengthBytes });
  }

  stored(file: BlockSource, offsetBytes: number, lengthBytes: number): void {
    const last = this.#last;
    if (last?.kind === 'stored' && last.file === file && last.offsetBytes + last.lengthBytes === offsetBytes) {
      last.lengthBytes += lengthBytes;
    } else this.#push({ kind: 'stored', file, offsetBytes, lengthBytes });
  }

  packed(piece: Omit<PackedPiece, 'kind'>): void {
    this.#push({ kind: 'packed', ...piece });
  }

  missing(file: BlockSource, neededBytes: number, lengthBytes: number): void {
    this.#push({ kind: 'missing', file, neededBytes, lengthBytes });
  }

  /** Blocks whose sectors are here and there in turn make many pieces: the rest is for the next call. */
  get isLong(): boolean {
    return this.pieces.length >= LONG;
  }

  #push(piece: Piece): void {
    this.pieces.push(piece);
    this.#last = piece;
  }
}
