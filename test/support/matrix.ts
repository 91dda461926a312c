/** What tests prove of a file system or a format: collected into the tables of the documentation by scripts/matrix.mjs. */
import type { TestContext } from 'vitest';

export interface Proof {
  /** 'NTFS', 'qcow2': a table has a row for each subject and feature */
  readonly subject: string;
  readonly feature: string;
  /** what was compared: columns of the table */
  readonly aspect: 'used blocks' | 'files' | 'deploy' | 'hostile' | 'read' | 'write';
  /** whose word it was compared with: 'kernel', 'ntfs-3g', 'partclone', 'qemu-img'… */
  readonly judge: string;
}

declare module 'vitest' {
  interface TaskMeta {
    proofs?: Proof[];
  }
}

/** Says what a test proves. It counts where the test passes. */
export function proves({ task }: Pick<TestContext, 'task'>, ...proofs: Proof[]): void {
  task.meta.proofs = [...(task.meta.proofs ?? []), ...proofs];
}
