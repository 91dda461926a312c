/** One of the targets that a disk goes to, and what is planned for it. */
import type { DeployPlan, ErrorView } from '../../../../src-engine/contract/index.ts';

export interface PlannedTarget {
  readonly id: number;
  readonly label: string;
  /** the last plan that there was: it stays in sight until the next one is there */
  readonly plan: DeployPlan | null;
  readonly error: ErrorView | null;
  readonly isPlanning: boolean;
}
