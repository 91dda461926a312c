/** A machine that is shut down for its capture, with a line in the log for that and for its start, whatever becomes of the capture. */
import type { Vm } from '../../contract/vm.contract.ts';
import { toEngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { EngineParts } from '../engine-parts.ts';
import { shutDown, type MachineOff } from './machine-off.ts';

/** @throws EngineError as {@link shutDown} */
export async function shutDownLogged(
  parts: EngineParts,
  vm: Vm,
  withinSeconds: number,
  context: JobContext,
): Promise<MachineOff> {
  const { place, id } = vm;
  const log = (action: string) => {
    try {
      parts.audit.add(action, place, { id });
    } catch {
      // it was done, whatever becomes of the line: a catalog that is full or damaged is no reason against that
    }
  };
  let isStarted = true;
  const hearing: JobContext = {
    ...context,
    warn(warning) {
      if (warning.code === 'VM_NOT_STARTED_AGAIN') isStarted = false;
      context.warn(warning);
    },
  };
  const logStart = () => void (isStarted && log('vm.started'));
  try {
    const off = await shutDown(parts, vm, withinSeconds, hearing);
    log('vm.stopped');
    let started: Promise<void> | null = null;
    return { startAgain: () => (started ??= off.startAgain().then(logStart)) };
  } catch (error) {
    // it did so late
    if (toEngineError(error).data.cameOff === true) {
      log('vm.stopped');
      logStart();
    }
    throw error;
  }
}
