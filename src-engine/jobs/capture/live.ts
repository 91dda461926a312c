/**
 * A running machine, read as it was at one moment: its hypervisor keeps that moment as long as it is read. Whatever ends the capture ends the
 * moment too; what that takes is pledged before it begins.
 */
import { dirname } from 'node:path';
import { statfs } from 'node:fs/promises';
import { MAX_DISKS, type CONSISTENCIES } from '../../contract/template.contract.ts';
import type { Vm } from '../../contract/vm.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { liveAt } from '../../machines/hypervisors/hypervisors.ts';
import type { Live, PlannedMoment, Tracking } from '../../machines/hypervisors/live.port.ts';
import type { EngineParts } from '../engine-parts.ts';
import { chosenDisks, sourceOf, type CaptureSource } from './sources.ts';

/** What a machine overwrites while it is read needs room, and who runs out of it stands still: rather ends the capture. */
const LOOK_FOR_ROOM_MS = 1000;
const RESERVE_SHARE = 0.02;
const MAX_RESERVE_BYTES = 256 * 1024 * 1024;
const THAW_TRIES = 3;

export interface Moment {
  /** as the machine has them now, in their order */
  readonly sources: readonly CaptureSource[];
  readonly consistency: (typeof CONSISTENCIES)[number];
  /** somebody inside could have its file systems stand still */
  readonly canFreeze: boolean;
  /** that was made at it; null: none was wanted, or no disk can have one */
  readonly checkpoint: { readonly name: string; readonly madeAt: string } | null;
  /** @throws EngineError `LIVE_NOT_POSSIBLE` where what was read is no moment any more */
  check(signal: AbortSignal): Promise<void>;
  /** A better name of what went wrong while it was read. */
  explain(error: unknown): unknown;
  /** Never fails: what cannot be ended stays pledged. @param isKept a version was made of it */
  end(isKept: boolean): Promise<void>;
}

export interface MomentWish {
  /** file systems stand still for it, where somebody inside can see to that */
  readonly isFrozen: boolean;
  readonly tracking: Tracking;
  /** names of disks that are not captured */
  readonly without: readonly string[];
}

/** @throws EngineError `LIVE_NOT_POSSIBLE`, `DISK_FULL`, `BAD_REQUEST` for too many disks; as {@link sourceOf} */
export async function takeMoment(parts: EngineParts, vm: Vm, wish: MomentWish, signal: AbortSignal): Promise<Moment> {
  const { place, id } = vm;
  const live = liveAt(place);
  const named = <T>(work: Promise<T>) =>
    work.catch((error: unknown) => {
      const { code, data } = toEngineError(error);
      throw code === 'LIVE_NOT_POSSIBLE' ? new EngineError(code, { ...data, place }) : error;
    });
  const planned = await named(live.plan(id, wish.tracking, signal));
  const disks = chosenDisks(place, planned.disks, wish.without);
  const { socketPath, scratchPaths, tracking } = planned;
  if (disks.length === 0) throw new EngineError('VM_WITHOUT_DISKS', { place });
  if (disks.length > MAX_DISKS)
    throw new EngineError('BAD_REQUEST', { path: place, reason: `more than ${MAX_DISKS} disks` });
  const sources = disks.map((disk): CaptureSource => {
    const { exportName, sectorBytes, changesContext } = disk;
    return { ...sourceOf(place, disk), served: { socketPath, exportName, sectorBytes, changesContext } };
  });

  const { checkpoint } = tracking;
  const owed = await parts.pledges.give({ kind: 'end-backup', place, id, socketPath, scratchPaths: [...scratchPaths] });
  const owedCheckpoint = checkpoint && (await parts.pledges.give({ kind: 'drop-checkpoint', place, id, checkpoint }));
  const scratch = dirname(scratchPaths[0]);
  const never = new AbortController().signal;
  let isFull = false;
  let mayBeginYet = false;
  const endIt = async () => {
    await live.end(id, planned, never);
    if (!mayBeginYet) await parts.pledges.kept(owed);
  };
  const watch = setInterval(async () => {
    if (isFull || !(await isAlmostFull(scratch))) return;
    isFull = true;
    await live.end(id, planned, never).catch(() => {});
  }, LOOK_FOR_ROOM_MS);
  const end = async (isKept: boolean) => {
    clearInterval(watch);
    // what fails stays pledged
    await endIt().catch(() => {});
    if (checkpoint === null || owedCheckpoint === null) return;
    const settled = isKept ? Promise.resolve() : live.dropCheckpoint(id, checkpoint, never);
    await settled.then(() => parts.pledges.kept(owedCheckpoint)).catch(() => {});
  };
  try {
    signal.throwIfAborted();
    const canFreeze = planned.canFreeze && vm.state === 'running';
    const isFrozen = await named(
      canFreeze && wish.isFrozen ? beginFrozen(parts, live, planned, place, signal) : beginAsItIs(live, planned),
    );
    const madeAt = checkpoint && (await live.checkpointMadeAt(id, checkpoint, signal));
    const made = checkpoint !== null && madeAt !== null ? { name: checkpoint, madeAt } : null;
    return {
      sources,
      consistency: isFrozen ? 'file-systems' : 'crash',
      canFreeze,
      checkpoint: made,
      async check(asked) {
        if (isFull || !(await live.isGoingOn(id, planned, asked)))
          throw new EngineError('LIVE_NOT_POSSIBLE', { place, said: 'the backup ended' });
      },
      explain(error) {
        if (!isFull || toEngineError(error).code === 'ABORTED') return error;
        return new EngineError('DISK_FULL', { path: scratch }, '', { cause: error });
      },
      end,
    };
  } catch (error) {
    mayBeginYet = toEngineError(error).code === 'TOOL_TIMED_OUT';
    await end(false);
    throw error;
  }
}

async function beginAsItIs(live: Live, planned: PlannedMoment): Promise<boolean> {
  await live.begin(planned);
  return false;
}

/** @returns whether all stood still at that moment */
async function beginFrozen(
  parts: EngineParts,
  live: Live,
  planned: PlannedMoment,
  place: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { id } = planned;
  const owed = await parts.pledges.give({ kind: 'thaw-machine', place, id });
  try {
    // who does not answer may have heard it all the same: whatever comes of it is taken back
    const frozen = await live.freeze(id, signal).catch(() => 0);
    signal.throwIfAborted();
    await live.begin(planned);
    return frozen > 0;
  } finally {
    await thaw(live, id).then(
      () => parts.pledges.kept(owed),
      () => {},
    );
  }
}

async function thaw(live: Live, id: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await live.thaw(id, new AbortController().signal);
    } catch (error) {
      if (tries === THAW_TRIES) throw error;
    }
  }
}

async function isAlmostFull(folder: string): Promise<boolean> {
  const stats = await statfs(folder).catch(() => null);
  if (!stats || stats.blocks === 0) return false;
  const reserveBytes = Math.min(MAX_RESERVE_BYTES, stats.blocks * stats.bsize * RESERVE_SHARE);
  return stats.bavail * stats.bsize < reserveBytes;
}

/** What an earlier version began, and this one goes on with. Never fails. */
export async function dropCheckpoint(vm: Vm, checkpoint: string): Promise<void> {
  await liveAt(vm.place)
    .dropCheckpoint(vm.id, checkpoint, new AbortController().signal)
    .catch(() => {});
}

/** What a plan tells of it. */
export function momentChecks(place: string, consistency: Moment['consistency'], isTracked: boolean): Check[] {
  const data = { place };
  const isFrozen = consistency === 'file-systems';
  return [
    isFrozen ? { code: 'LIVE_FROZEN', level: 'pass', data } : { code: 'LIVE_CRASH_CONSISTENT', level: 'warn', data },
    // it stays with the machine, and costs it a little with each write
    ...(isTracked ? [{ code: 'CHANGES_TRACKED', level: 'warn', data } as const] : []),
  ];
}
