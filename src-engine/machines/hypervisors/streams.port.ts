/** What is asked of a hypervisor whose machines have disks that lie over something else: to bring what lies below into the disk itself. */
export interface Streams {
  /** As whom its machines read files and sockets; null: as whoever this process is. @throws EngineError `TOOL_FAILED` */
  user(signal: AbortSignal): Promise<{ uid: number; gid: number } | null>;
  /**
   * Begins, for one disk of a machine that runs, or finds that it goes on.
   * @param disk by its name in the machine: 'vda'
   * @returns how far it is; null: it is not at work, be it done or ended early
   * @throws EngineError `TOOL_FAILED`
   */
  pull(id: string, disk: string, signal: AbortSignal): Promise<PullProgress | null>;
  /** How far it is; null as in {@link pull}. */
  progress(id: string, disk: string, signal: AbortSignal): Promise<PullProgress | null>;
}

export interface PullProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}
