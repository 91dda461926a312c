/** An inner volume as a source: its runs read from the members that they lie on. */
import { checkSpan } from '../core/bounds.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { MappedRun } from './group.port.ts';
import { inColumn, runAt } from './mapped-extents.ts';

/**
 * @param members the group's, in its order; at least one. Closing the source leaves them open
 * @param runs ascending, without gaps, from 0 to `lengthBytes`; every column inside its member
 */
export function mappedSource(
  members: readonly BlockSource[],
  runs: readonly MappedRun[],
  lengthBytes: number,
): BlockSource {
  return {
    lengthBytes,
    sectorBytes: Math.max(...members.map((member) => member.sectorBytes)),
    physicalSectorBytes: Math.max(...members.map((member) => member.physicalSectorBytes)),
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, lengthBytes);
      for (let done = 0, i = runAt(runs, offsetBytes); done < into.length; i++) {
        const from = offsetBytes + done - runs[i].startBytes;
        const to = Math.min(from + into.length - done, runs[i].lengthBytes);
        await readRun(members, runs[i], from, into.subarray(done, done + to - from));
        done += to - from;
      }
    },
    async close() {},
  };
}

/** Reads each column in one piece and deals its stripes out. @param fromBytes in the run */
async function readRun(
  members: readonly BlockSource[],
  run: MappedRun,
  fromBytes: number,
  into: Uint8Array,
): Promise<void> {
  const { columns, stripeBytes } = run;
  if (columns.length === 1) {
    return members[columns[0].member].readInto(columns[0].startBytes + fromBytes, into);
  }
  const pieces = await Promise.all(
    columns.map(async ({ member, startBytes }, column) => {
      const start = inColumn(run, column, fromBytes);
      const piece = new Uint8Array(inColumn(run, column, fromBytes + into.length) - start);
      if (piece.length > 0) await members[member].readInto(startBytes + start, piece);
      return piece;
    }),
  );
  const taken = columns.map(() => 0);
  for (let done = 0; done < into.length;) {
    const at = fromBytes + done;
    const column = Math.floor(at / stripeBytes) % columns.length;
    const length = Math.min(stripeBytes - (at % stripeBytes), into.length - done);
    into.set(pieces[column].subarray(taken[column], taken[column] + length), done);
    taken[column] += length;
    done += length;
  }
}
