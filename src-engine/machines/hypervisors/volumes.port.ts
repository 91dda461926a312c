/** Volumes of pools whose disks are block devices: made, found and removed through the hypervisor, which knows them by their names. */

/** A volume as it was made. */
export interface MadeVolume {
  readonly name: string;
  /** what no other volume ever has, also not one of the same name; null: it was to be made, and nobody knows whether it was */
  readonly key: string | null;
  readonly lengthBytes: number;
}

export interface Volumes {
  /**
   * @returns what is free of a pool, and the bytes that the length of each volume is a multiple of
   * @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`, `FORMAT_INVALID`, `ABORTED`
   */
  room(pool: string, signal: AbortSignal): Promise<{ readonly freeBytes: number; readonly extentBytes: number }>;

  /** Names of what is there, looked at anew. @throws EngineError `TOOL_FAILED` where the pool is not started */
  names(pool: string, signal: AbortSignal): Promise<string[]>;

  /**
   * Makes a volume with nothing written to it. It cannot be cancelled: nobody would know what there is then.
   * @param lengthBytes of whole extents
   * @returns its key, and the path of its device
   * @throws EngineError `TOOL_FAILED`, `TOOL_TIMED_OUT`, `FORMAT_INVALID`
   */
  make(pool: string, name: string, lengthBytes: number): Promise<{ readonly key: string; readonly path: string }>;

  /**
   * Removes a volume that was made; one that is gone is fine, and another one of its name stays.
   * @throws EngineError `TOOL_FAILED` also where the pool is not started; `PERMISSION_DENIED`
   */
  remove(pool: string, volume: MadeVolume, signal: AbortSignal): Promise<void>;
}
