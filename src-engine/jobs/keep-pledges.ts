/** Carries out what jobs owed whose process is gone. */
import { PledgeSchema, type Pledge, type PledgeRecord, type ServedMachine } from '../catalog/records/index.ts';
import { EngineError } from '../core/engine-error.ts';
import { liveAt, startAgain } from '../machines/hypervisors/hypervisors.ts';
import { unmakeMachine } from '../machines/hypervisors/made-machine.ts';
import { DAMAGED_PLEDGE } from './pledge-book.ts';

/**
 * What is so already is fine: two engines may do it at once, and one that died may have done it.
 * @param pledge as it was written down
 * @throws EngineError `PLEDGE_DAMAGED`; `PLEDGE_UNKNOWN` where a later Diskpress wrote it; what the hypervisor says
 */
export async function keepPledge(pledge: PledgeRecord['pledge'], signal: AbortSignal): Promise<void> {
  if (pledge.kind === DAMAGED_PLEDGE) throw new EngineError('PLEDGE_DAMAGED', { path: String(pledge.path) });
  const { success, data } = PledgeSchema.safeParse(pledge);
  if (!success) throw new EngineError('PLEDGE_UNKNOWN', {});
  if (data.kind === 'serve-machine') throw new EngineError('PLEDGE_UNKNOWN', {});
  await keep(data, signal);
}

function keep(pledge: Exclude<Pledge, ServedMachine>, signal: AbortSignal): Promise<void> {
  switch (pledge.kind) {
    case 'need-template':
      // whoever needed it is gone
      return Promise.resolve();
    case 'start-machine':
      return startAgain(pledge.place, pledge.id, Date.parse(pledge.mayGoOffUntil ?? '') || 0, signal);
    case 'thaw-machine':
      return liveAt(pledge.place).thaw(pledge.id, signal);
    case 'end-backup':
      return liveAt(pledge.place).end(pledge.id, pledge, signal);
    case 'drop-checkpoint':
      return liveAt(pledge.place).dropCheckpoint(pledge.id, pledge.checkpoint, signal);
    case 'unmake-machine':
      return unmakeMachine(pledge.place, pledge.id, pledge.files, pledge, signal);
  }
}
