/** What lies on a member of a group, in its order. */
import type { Extent } from '../disk/block-source.port.ts';
import type { MappedRun } from '../volumes/group.port.ts';
import type { TreeGroup, TreeVolume } from './volume-tree.ts';

export interface MemberPiece extends Extent {
  /** the volume that the piece belongs to, and where in it; null where every byte is taken as it lies */
  readonly from: { readonly volume: TreeVolume; readonly run: MappedRun; readonly column: number } | null;
}

/**
 * Labels and metadata, the runs of volumes that can be read, and the places of those that cannot.
 * @param member place in the group's members
 * @returns ascending and disjoint
 */
export function piecesOf({ group, volumes }: TreeGroup, member: number): MemberPiece[] {
  const pieces: MemberPiece[] = group.members[member].metadata.map((extent) => ({ ...extent, from: null }));
  for (const [i, { copies, occupied }] of group.volumes.entries()) {
    for (const extent of occupied) {
      if (extent.member === member) pieces.push({ ...extent, from: null });
    }
    for (const run of copies.flat()) {
      for (const [column, { member: on, startBytes }] of run.columns.entries()) {
        if (on !== member) continue;
        const lengthBytes = run.lengthBytes / run.columns.length;
        pieces.push({ startBytes, lengthBytes, from: { volume: volumes[i], run, column } });
      }
    }
  }
  return pieces.sort((a, b) => a.startBytes - b.startBytes);
}
