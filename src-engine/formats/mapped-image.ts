/** A virtual disk as a source, read through what its format says of where things are. */
import { checkSpan } from '../core/bounds.ts';
import type { EngineError } from '../core/engine-error.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import type { ImageMap, MissingPiece, PackedPiece, StoredPiece } from './image-map.port.ts';
import { PackedClusters, type Wanted } from './packed-clusters.ts';
import { RunBatch } from './run-batch.ts';
import { Slots } from './slots.ts';
import { checkInFile, isInFile, truncated } from './truncated.ts';

const READS_AT_ONCE = 8;

export interface MappedImage {
  readonly map: ImageMap;
  readonly sectorBytes?: number;
  readonly physicalSectorBytes?: number;
  /** what the image leaves to its parent is read from here; null: it is zeros */
  readonly parent: BlockSource | null;
  /** everything that closing the source closes: the image's file, its extents, its parent */
  readonly owned: readonly BlockSource[];
}

/** @returns a source whose reads issue long reads of the files, and unpack compressed clusters side by side */
export function mappedImage({ map, parent, owned, ...image }: MappedImage): BlockSource {
  const { lengthBytes } = map;
  const packedClusters = new PackedClusters(map);
  const reads = new Slots(READS_AT_ONCE);
  const parentBytes = Math.min(parent?.lengthBytes ?? 0, lengthBytes);

  async function readInto(offsetBytes: number, into: Uint8Array): Promise<void> {
    checkSpan('read', offsetBytes, into.length, lengthBytes);
    const wanted: Wanted[] = [];
    const underWay: Promise<void>[] = [];
    try {
      for (let done = 0; done < into.length;) {
        for (const piece of await map.pieces(offsetBytes + done, into.length - done)) {
          const target = into.subarray(done, done + piece.lengthBytes);
          const startBytes = offsetBytes + done;
          if (piece.kind === 'packed') wanted.push({ piece, startBytes, into: target });
          else if (piece.kind === 'zeros') target.fill(0);
          else if (piece.kind === 'stored') underWay.push(reads.run(() => readStored(piece, target)));
          else if (piece.kind === 'parent') underWay.push(readParent(startBytes, target));
          else throw truncated(piece.file, piece.neededBytes);
          done += piece.lengthBytes;
        }
      }
      underWay.push(...packedClusters.read(wanted));
    } finally {
      // where one fails, the others must not write into memory that the caller has taken back
      await Promise.allSettled(underWay);
    }
    await Promise.all(underWay);
  }

  async function readParent(startBytes: number, into: Uint8Array): Promise<void> {
    const there = Math.max(0, Math.min(into.length, parentBytes - startBytes));
    into.fill(0, there);
    if (there > 0) await parent!.readInto(startBytes, into.subarray(0, there));
  }

  async function* dataRuns(startBytes: number, length: number, signal: AbortSignal): AsyncGenerator<Extent[]> {
    checkSpan('range', startBytes, length, lengthBytes);
    const runs = new RunBatch();
    let cutOff: EngineError | null = null;
    const endBytes = startBytes + length;
    for (let at = startBytes; at < endBytes;) {
      signal.throwIfAborted();
      for (const piece of await map.pieces(at, endBytes - at)) {
        if (piece.kind === 'parent') {
          for await (const batch of parentRuns(at, piece.lengthBytes, signal)) {
            for (const run of batch) runs.add(run.startBytes, run.lengthBytes);
            if (runs.isFull) yield runs.take();
          }
        } else if (piece.kind !== 'zeros') {
          runs.add(at, piece.lengthBytes);
          const error = cutOffIn(piece);
          if (missingBytes(error) > missingBytes(cutOff)) cutOff = error;
        }
        at += piece.lengthBytes;
        if (runs.isFull) yield runs.take();
      }
    }
    // only now is it known how much is missing
    if (cutOff) throw cutOff;
    const rest = runs.finish();
    if (rest.length > 0) yield rest;
  }

  async function* parentRuns(startBytes: number, length: number, signal: AbortSignal): AsyncGenerator<Extent[]> {
    const there = Math.min(length, parentBytes - startBytes);
    if (there <= 0) return;
    if (parent!.dataRuns) yield* parent!.dataRuns(startBytes, there, signal);
    else yield [{ startBytes, lengthBytes: there }];
  }

  return {
    lengthBytes,
    sectorBytes: image.sectorBytes ?? 512,
    physicalSectorBytes: image.physicalSectorBytes ?? image.sectorBytes ?? 512,
    readInto,
    dataRuns,
    async close() {
      await Promise.all(owned.map((source) => source.close()));
    },
  };
}

async function readStored({ file, offsetBytes }: StoredPiece, into: Uint8Array): Promise<void> {
  checkInFile('cluster', file, offsetBytes, into.length);
  await file.readInto(offsetBytes, into);
}

/** What is to be said of a piece that the file ends before. */
function cutOffIn(piece: StoredPiece | PackedPiece | MissingPiece): EngineError | null {
  if (piece.kind === 'missing') return truncated(piece.file, piece.neededBytes);
  // how long a compressed cluster is can only be told when it is unpacked
  const storedBytes = piece.kind === 'stored' ? piece.lengthBytes : 1;
  const isThere = isInFile('cluster', piece.file, piece.offsetBytes, storedBytes);
  return isThere ? null : truncated(piece.file, piece.offsetBytes + storedBytes);
}

const missingBytes = (error: EngineError | null) => Number(error?.data.missingBytes ?? 0);
