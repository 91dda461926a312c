/** Puts an account together: what becomes of every byte of a disk, as a capture would decide now, and as one has done it. */
import {
  MAX_OUTSIDE_VIEWS,
  MAX_UNASKED_BYTES,
  type Account,
  type OutsideChoice,
  type OutsideView,
} from '../../contract/account.contract.ts';
import type { DiskView, PlaceView } from '../../contract/disk.contract.ts';
import type { Warning } from '../../contract/warnings.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { bytesOf, joinExtents, within, withoutExtents } from '../../volumes/extents.ts';
import type { InspectedDisk } from '../disk-inspection.ts';
import { knownThingsIn } from './known-things.ts';
import { lookAtPieces, type LookedPiece } from './look.ts';

interface JudgedPiece extends LookedPiece {
  readonly names: readonly string[];
  /** known things: taken as they are, on the disk */
  readonly known: readonly Extent[];
  /** what a capture reads beside them, and keeps where it is not zeros */
  readonly read: readonly Extent[];
  /** unknown data that it does not read */
  readonly left: readonly Extent[];
}

/** What lies outside, judged: which of it is read, and how much of that was kept. */
export class DiskAccount {
  readonly isUndecided: boolean;
  readonly #disk: InspectedDisk;
  readonly #choice: OutsideChoice;
  readonly #pieces: readonly JudgedPiece[];
  /** bytes that were read and kept, by piece; null before anything was read */
  #kept: number[] | null = null;

  private constructor(
    disk: InspectedDisk,
    choice: OutsideChoice,
    pieces: readonly JudgedPiece[],
    isUndecided: boolean,
  ) {
    this.#disk = disk;
    this.#choice = choice;
    this.#pieces = pieces;
    this.isUndecided = isUndecided;
  }

  /**
   * Looks at what lies outside of all that is known, and decides.
   * @param kind a file is read to its last byte where nothing is to be left out; of a device, zeros are believed as far as it
   *   was looked at, unless everything is to be taken
   * @throws EngineError `READ_FAILED`, `ABORTED`
   */
  static async of(
    disk: InspectedDisk,
    kind: PlaceView['kind'],
    choice: OutsideChoice,
    signal: AbortSignal,
  ): Promise<DiskAccount> {
    const looked = await lookAtPieces(disk.source, disk.outside, signal);
    const things = await knownThingsIn(disk);
    const found = looked.map((piece, i) => {
      const known = things.get(disk.outside[i]) ?? [];
      const extents = joinExtents(known.flatMap((thing) => thing.extents));
      return {
        piece,
        names: known.map(({ name }) => name),
        known: extents,
        unknown: withoutExtents(piece.data, extents),
      };
    });
    const unknownBytes = found.reduce((sum, { unknown }) => sum + bytesOf(unknown), 0);
    const isUndecided = choice === 'ask' && kind === 'device' && unknownBytes > MAX_UNASKED_BYTES;
    const isTaken = choice !== 'leave' && !isUndecided;
    const isReadWhole = isTaken && (kind === 'file' || choice === 'take');
    const pieces = found.map(({ piece, names, known, unknown }): JudgedPiece => {
      const read = isReadWhole ? withoutExtents([piece], known) : isTaken ? unknown : [];
      return { ...piece, names, known, read, left: isTaken ? [] : unknown };
    });
    return new DiskAccount(disk, choice, pieces, isUndecided);
  }

  /** Known things in a region, in its offsets: ascending. */
  knownIn(region: number): Extent[] {
    return this.#inRegion(region, ({ known }) => known);
  }

  /** What is read of a region besides, and kept where it is not zeros, in its offsets: ascending. */
  readIn(region: number): Extent[] {
    return this.#inRegion(region, ({ read }) => read);
  }

  #inRegion(region: number, extentsOf: (piece: JudgedPiece) => readonly Extent[]): Extent[] {
    return this.#pieces
      .filter((piece) => piece.region === region)
      .flatMap((piece) =>
        extentsOf(piece).map(({ startBytes, lengthBytes }) => ({
          startBytes: startBytes - piece.regionStartBytes,
          lengthBytes,
        })),
      );
  }

  /** Bytes that a capture goes through: what it takes for certain, and what it keeps where it is not zeros. */
  get readBytes(): number {
    return this.#disk.view.usedBytes + this.#sum(({ known, read }) => bytesOf(known) + bytesOf(read));
  }

  /** From now on what is kept counts, not what a look has shown. */
  begin(): void {
    this.#kept = this.#pieces.map(() => 0);
  }

  /** Counts bytes of {@link readIn} that are not zeros. @param extent in offsets of the region */
  keep(region: number, extent: Extent): void {
    for (const [i, piece] of this.#pieces.entries()) {
      if (piece.region !== region) continue;
      const startBytes = piece.regionStartBytes + extent.startBytes;
      this.#kept![i] += bytesOf(within(piece, [{ ...extent, startBytes }]));
    }
  }

  /** The disk with its account, and with warnings of what lies outside. */
  view(): DiskView {
    const { view, free } = this.#disk;
    const pieces = this.#pieces.map((piece, i) => this.#pieceView(piece, i));
    const sum = (field: 'takenBytes' | 'zeroBytes' | 'leftBytes' | 'lookedBytes' | 'lengthBytes') => {
      return pieces.reduce((total, piece) => total + piece[field], 0);
    };
    const takenBytes = sum('takenBytes');
    const account: Account = {
      lengthBytes: view.lengthBytes,
      capturedBytes: view.usedBytes + takenBytes,
      takenBytes,
      freeBytes: bytesOf(free),
      free: free.map(({ by, lengthBytes }) => ({ by, lengthBytes })),
      zeroBytes: sum('zeroBytes'),
      leftBytes: sum('leftBytes'),
      outsideBytes: sum('lengthBytes'),
      lookedBytes: sum('lookedBytes'),
      outside: this.#choice,
      isUndecided: this.isUndecided,
      pieces: shown(pieces),
    };
    return {
      ...view,
      usedBytes: account.capturedBytes,
      account,
      warnings: [...view.warnings, ...outsideWarnings(account)],
    };
  }

  #pieceView(piece: JudgedPiece, i: number): OutsideView {
    const { place, volume, startBytes, lengthBytes, names, known, read, left } = piece;
    const isRead = this.#kept !== null;
    const keptBytes = this.#kept?.[i] ?? bytesOf(withoutExtents(piece.data, [...known, ...left]));
    const takenBytes = bytesOf(known) + keptBytes;
    const leftBytes = bytesOf(left);
    const readBytes = isRead ? bytesOf(known) + bytesOf(read) : 0;
    return {
      place,
      volume,
      startBytes,
      lengthBytes,
      lookedBytes: Math.max(piece.lookedBytes, readBytes),
      takenBytes,
      zeroBytes: lengthBytes - takenBytes - leftBytes,
      leftBytes,
      names: [...names],
    };
  }

  #sum(bytesIn: (piece: JudgedPiece) => number): number {
    return this.#pieces.reduce((total, piece) => total + bytesIn(piece), 0);
  }
}

/** In the order of the disk; where there are too many, those that hold something. */
function shown(pieces: readonly OutsideView[]): OutsideView[] {
  const holds = ({ lengthBytes, zeroBytes }: OutsideView) => (zeroBytes < lengthBytes ? 0 : 1);
  const first = pieces.length > MAX_OUTSIDE_VIEWS ? [...pieces].sort((a, b) => holds(a) - holds(b)) : pieces;
  return first.slice(0, MAX_OUTSIDE_VIEWS).sort((a, b) => a.startBytes - b.startBytes);
}

/** Known things that are told one by one. */
const MAX_WARNINGS = 20;

function outsideWarnings({ pieces, leftBytes, isUndecided }: Account): Warning[] {
  const known = pieces.filter(({ names }) => names.length > 0).slice(0, MAX_WARNINGS);
  const warnings = known.map(({ names, startBytes, lengthBytes, place, volume }): Warning => {
    // what is behind the last partition, or behind a file system on the whole disk, is found from the disk's end
    const isAtEnd = place === 'behind-last' || (place === 'behind-file-system' && volume === '0');
    const code = isAtEnd ? 'OUTSIDE_KNOWN_AT_END' : 'OUTSIDE_KNOWN';
    return { code, data: { names: [...names], place, volume, offset: startBytes, lengthBytes } };
  });
  if (leftBytes > 0 && !isUndecided) {
    const places = pieces.filter((piece) => piece.leftBytes > 0).length;
    warnings.push({ code: 'OUTSIDE_LEFT', data: { lengthBytes: leftBytes, places } });
  }
  return warnings;
}
