/** What is asked where a plan is judged: the machine, what is stored, and the rules' folders. */
import type { Machine } from '../machines/machine.port.ts';
import type { StoredParts } from '../versions/stored-parts.ts';

export interface JudgingParts extends StoredParts {
  readonly machine: Machine;
  /** folder of what comes with Diskpress: policies, tables */
  readonly resourcesPath: string;
}
