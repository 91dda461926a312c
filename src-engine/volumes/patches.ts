import type { Patch } from './layout.port.ts';

/** Patches of a volume as patches of the disk, or whatever else it lies in. @param startBytes where it begins there */
export const patchesAt = (startBytes: number, patches: readonly Patch[]): Patch[] =>
  patches.map(({ offsetBytes, bytes }) => ({ offsetBytes: startBytes + offsetBytes, bytes }));
