/** How a file system gets another UUID: what each kind says of it. */

/** Why a UUID stays. Words: `setting.id-kept-REASON`. */
export type UuidRefusal = 'no-way' | 'hibernated' | 'damaged' | 'external-journal' | 'stable-inodes' | 'checksum';

/** Bytes of the volume that become others. */
export interface UuidPatch {
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
}

/** The oldest Linux that reads what is left behind, and whose boot loader does, as two numbers. */
export type OldestKernel = readonly [number, number];

export type UuidWay =
  | { readonly by: 'patches'; readonly patches: readonly UuidPatch[]; readonly oldestKernel?: OldestKernel }
  /** by its own program: its blocks, or its log, carry what is made of the UUID */
  | { readonly by: 'program'; readonly oldestKernel?: OldestKernel }
  | { readonly by: 'nothing'; readonly refusal: UuidRefusal };
