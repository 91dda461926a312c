/** What is asked of a hypervisor to start a machine, and to have it shut down. Machines are known by its own id. */
export interface Power {
  /** One that runs is left as it is. @throws EngineError `VM_NOT_FOUND`, `TOOL_FAILED` with what was said */
  start(id: string, signal: AbortSignal): Promise<void>;
}
