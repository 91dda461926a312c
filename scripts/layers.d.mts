/** Rooms of the engine, from below. */
export const FLOORS: readonly (readonly string[])[];

/** Folders of `src-engine/jobs`. */
export const JOB_KINDS: readonly string[];

export const LAYERS: readonly {
  /** the rule's name: a folder */
  readonly room: string;
  readonly files: readonly string[];
  /** regular expressions over import specifiers */
  readonly forbidden: readonly string[];
  readonly reason: string;
}[];
