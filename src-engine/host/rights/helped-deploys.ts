/** The deploys of one job to disks that its person may not write: one helper carries them out, and this job shows them and can cancel them. */
import type { JobResult } from '../../contract/job.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { DeployRecord } from '../../jobs/plan-records.ts';
import { askForRights, type Helper } from './ask-for-rights.ts';
import type { HelperMessage } from './helper-protocol.ts';

interface Part {
  readonly record: DeployRecord;
  context: JobContext | null;
  ending: { result: JobResult } | { error: EngineError } | null;
}

export class HelpedDeploys {
  readonly #catalogPath: string;
  readonly #parts: Part[] = [];
  #helper: Helper | null = null;

  constructor(catalogPath: string) {
    this.#catalogPath = catalogPath;
  }

  /**
   * Before any of them runs. They run together: what was agreed to is asked for once.
   * @returns carries it out; throws EngineError as the deploy does, and as {@link askForRights}
   */
  add(record: DeployRecord): (context: JobContext) => Promise<JobResult> {
    const part: Part = { record, context: null, ending: null };
    this.#parts.push(part);
    return async (context) => {
      part.context = context;
      context.phase('waiting', 0);
      const { ended, takeBack } = (this.#helper ??= this.#ask());
      context.signal.addEventListener('abort', takeBack, { once: true });
      if (context.signal.aborted) takeBack();
      try {
        await ended.catch((error: unknown) => {
          if (!part.ending) throw error;
        });
      } finally {
        context.signal.removeEventListener('abort', takeBack);
      }
      if (!part.ending) throw new EngineError('HELPER_LOST', { said: '' });
      if ('error' in part.ending) throw part.ending.error;
      return part.ending.result;
    };
  }

  #ask(): Helper {
    const records = this.#parts.map(({ record }) => record);
    return askForRights({ task: 'deploy', catalog: this.#catalogPath, records }, null, (message) =>
      this.#hear(message),
    );
  }

  #hear(message: HelperMessage): void {
    if (!('part' in message)) return;
    const part = this.#parts[message.part];
    if (!part || part.ending) return;
    switch (message.say) {
      case 'phase':
        return part.context?.phase(message.phase, message.totalBytes);
      case 'advance':
        return part.context?.advance(message.bytes);
      case 'slowest':
        return part.context?.slowest(message.what);
      case 'warn':
        return part.context?.warn(message.warning);
      case 'done':
        part.ending = { result: message.result };
        return;
      case 'failed':
        part.ending = { error: EngineError.of(message.error) };
    }
  }
}
