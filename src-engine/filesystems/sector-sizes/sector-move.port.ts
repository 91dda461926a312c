/** What it takes for a volume to stand on a disk that counts in sectors of another size than the one that it was made on. */

/** Bytes of a volume that have to be others there. */
export interface VolumePatch {
  /** in the volume */
  readonly offsetBytes: number;
  readonly bytes: Buffer;
}

export type SectorMove =
  | { readonly isPossible: true; readonly patches: readonly VolumePatch[] }
  /** `reason`: what stands against it, as a few words for a person */
  | { readonly isPossible: false; readonly reason: string };

export const AS_IT_IS: SectorMove = { isPossible: true, patches: [] };

export function impossible(reason: string): SectorMove {
  return { isPossible: false, reason };
}
