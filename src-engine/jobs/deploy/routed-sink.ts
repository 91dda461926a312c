/** A partition as it was captured, as a sink: what is written to it goes where its pieces come to lie, on the target or in scratch space. */
import type { BlockSink, BlockSource, Extent } from '../../disk/block-source.port.ts';
import { gapsIn, within } from '../../volumes/extents.ts';
import type { Deployment } from './deployment.ts';
import { HeldBack } from './held-back.ts';
import type { PackedMember, PackedVolume } from './pack-member.ts';
import type { ScratchVolume } from './scratch-volume.ts';
import { targetView } from './target-view.ts';

export interface RoutedSink {
  readonly sink: BlockSink;
  /** what goes nowhere: it is not to be written */
  readonly leftOut: readonly Extent[];
}

interface Piece extends Extent {
  readonly view: BlockSource;
  readonly atBytes: number;
  write(atBytes: number, bytes: Uint8Array): Promise<void>;
}

/** What of it belongs to the target is held back there as all that is written to it. @param scratches of the volumes that take a way by them */
export function routedSink(
  deployment: Deployment,
  { plan, routes }: PackedMember,
  scratches: ReadonlyMap<PackedVolume, ScratchVolume>,
): RoutedSink {
  const { sink: target, held } = deployment;
  const onTarget = { view: targetView(deployment), write: writeToTarget };
  const inScratch = new Map([...scratches].map(([volume, { sink }]) => [volume, scratchPlace(sink)]));
  const pieces = routes.map(({ from, volume, toBytes }): Piece => {
    const to = volume === null ? onTarget : inScratch.get(volume)!;
    return { ...from, ...to, atBytes: toBytes };
  });
  const lengthBytes = plan.beforeBytes;
  const all = { startBytes: 0, lengthBytes };

  async function writeToTarget(atBytes: number, bytes: Uint8Array): Promise<void> {
    for (const run of held.keep([{ startBytes: atBytes, lengthBytes: bytes.length }], atBytes, bytes)) {
      const from = run.startBytes - atBytes;
      await target.write(run.startBytes, bytes.subarray(from, from + run.lengthBytes));
      deployment.writtenBytes += run.lengthBytes;
      // it is read back and compared before the next stage
      deployment.verifiedBytes += run.lengthBytes;
    }
  }

  /** The parts of a range that go somewhere, each with its place in the range. */
  function* partsOf(offsetBytes: number, length: number) {
    for (const piece of pieces) {
      for (const part of within({ startBytes: offsetBytes, lengthBytes: length }, [piece])) {
        const from = part.startBytes - offsetBytes;
        yield { piece, from, to: from + part.lengthBytes, atBytes: piece.atBytes + part.startBytes - piece.startBytes };
      }
    }
  }

  const sink: BlockSink = {
    lengthBytes,
    sectorBytes: target.sectorBytes,
    physicalSectorBytes: target.physicalSectorBytes,
    isEmpty: target.isEmpty,
    readBack: target.readBack,
    async write(offsetBytes, bytes) {
      for (const { piece, from, to, atBytes } of partsOf(offsetBytes, bytes.length)) {
        await piece.write(atBytes, bytes.subarray(from, to));
      }
    },
    async sync() {
      await target.sync();
      for (const scratch of scratches.values()) await scratch.sink.sync();
    },
    async readBackInto(offsetBytes, into) {
      for (const { piece, from, to, atBytes } of partsOf(offsetBytes, into.length)) {
        await piece.view.readInto(atBytes, into.subarray(from, to));
      }
    },
    async close() {},
  };
  return { sink, leftOut: gapsIn(all, pieces) };
}

const scratchPlace = (sink: BlockSink) => ({
  view: targetView({ sink, held: new HeldBack([]) }),
  write: (atBytes: number, bytes: Uint8Array) => sink.write(atBytes, bytes),
});
