/** What a plan has seen of the disks of a capture: plain data, which is kept for as long as the plan lives. */
import type { Guest } from '../../contract/guest.contract.ts';
import type { DISK_ROLES } from '../../contract/template.contract.ts';
import type { Vm } from '../../contract/vm.contract.ts';
import type { EndOfLifeTable } from '../../guest/end-of-life.ts';
import { guestOfDisks } from '../../inspection/guest-of.ts';
import type { KeptLooks, Look } from '../../inspection/kept-looks.ts';
import type { Machine } from '../../machines/machine.port.ts';
import type { EngineParts } from '../engine-parts.ts';
import { bootFirst } from '../../inspection/boots.ts';
import { openDisks, seenOf, type SeenDisk } from './disks.ts';
import { takeMoment, type Moment } from './live.ts';
import type { CaptureRequest, CaptureSource, CaptureSources } from './sources.ts';

export interface CaptureLook {
  readonly disks: readonly (SeenDisk & {
    readonly role: (typeof DISK_ROLES)[number];
    readonly readBytes: number;
  })[];
  readonly guest: Guest;
  /** of a machine that runs; null: nobody writes to what is captured */
  readonly consistency: Moment['consistency'] | null;
}

/** What was kept, or what is there now. @throws EngineError as {@link openDisks} */
export function lookAtDisks(
  parts: EngineParts,
  looks: KeptLooks<CaptureLook>,
  asked: CaptureSources,
  request: CaptureRequest,
  endOfLife: EndOfLifeTable,
  signal: AbortSignal,
): Promise<CaptureLook> {
  // a name, a kind or an override changes nothing of what is seen
  const { outside, onUnreadable } = request;
  const { sources, vm, isLive } = asked;
  const key = { sources, isLive, outside, onUnreadable, endOfLife };
  return looks.of(key, () =>
    vm && isLive ? lookLive(parts, vm, request, endOfLife, signal) : look(parts, sources, request, endOfLife, signal),
  );
}

/** At a moment of its own, which ends with the look: the run has another. */
async function lookLive(
  parts: EngineParts,
  vm: Vm,
  request: CaptureRequest,
  endOfLife: EndOfLifeTable,
  signal: AbortSignal,
): Promise<Look<CaptureLook>> {
  const wish = { isFrozen: false, tracking: { checkpoint: null, since: null }, without: request.without };
  const moment = await takeMoment(parts, vm, wish, signal);
  try {
    const { seen } = await look(parts, moment.sources, request, endOfLife, signal);
    return {
      seen: { ...seen, consistency: moment.canFreeze ? 'file-systems' : 'crash' },
      isCurrent: async () => true,
    };
  } catch (error) {
    throw moment.explain(error);
  } finally {
    await moment.end(false);
  }
}

async function look(
  parts: EngineParts,
  sources: readonly CaptureSource[],
  request: CaptureRequest,
  endOfLife: EndOfLifeTable,
  signal: AbortSignal,
): Promise<Look<CaptureLook>> {
  const before = await stateOf(parts.machine, sources);
  const { disks, close } = await openDisks(parts, sources, request, signal);
  try {
    const guest = await guestOfDisks(
      bootFirst(disks).map(({ disk }) => disk),
      endOfLife,
      signal,
    );
    return {
      seen: {
        guest,
        consistency: null,
        disks: disks.map((one) => ({ ...seenOf(one), role: one.role, readBytes: one.account.readBytes })),
      },
      async isCurrent() {
        for (const { opened } of disks) await opened.refuseChanged();
        return (await stateOf(parts.machine, sources)) === before;
      },
    };
  } finally {
    await close();
  }
}

/** Which disks the paths lead to, and whether anything was written to them. What is not there is told by who opens it. */
async function stateOf(machine: Machine, sources: readonly CaptureSource[]): Promise<string> {
  const states = sources.map(async ({ path, isOfMachine }) => {
    const place = await machine.placeOf(path, isOfMachine).catch(() => null);
    return place && [place, await machine.writesTo(place)];
  });
  return JSON.stringify(await Promise.all(states));
}
