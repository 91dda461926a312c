/**
 * Disks that nobody writes to, whose images keep account of what was written since an earlier version: a bitmap of the moment of that version, by a
 * checkpoint of its hypervisor or one that was added to the file. Nothing is ever written to it: who made it goes on with it.
 */
import type { VersionRecord } from '../../catalog/records/index.ts';
import type { Vm } from '../../contract/vm.contract.ts';
import type { Warning } from '../../contract/warnings.ts';
import { toEngineError } from '../../core/engine-error.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import type { KeptBitmap } from '../../formats/disk-image.port.ts';
import type { OpenedSource } from '../../images/open-source.ts';
import { hypervisorAt } from '../../machines/hypervisors/hypervisors.ts';
import type { Live } from '../../machines/hypervisors/live.port.ts';
import { ChangedRuns } from '../../storing/earlier-disk.ts';
import { joinExtents } from '../../volumes/extents.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { CapturedDisk } from './disks.ts';
import {
  checkpointOf,
  isThatMoment,
  openEarlier,
  soundVersions,
  type EarlierDisks,
  type EarlierVersion,
  type WhyWhole,
} from './earlier.ts';

/** All that is for us begins with it: what others keep account with is theirs to clear. */
const OURS = 'diskpress';
/** So much of a disk is asked for at once. */
const STEP_BYTES = 2 ** 40;

export interface Kept {
  /** null: all is read */
  readonly earlier: EarlierDisks | null;
  readonly tracked: NonNullable<VersionRecord['tracked']>;
  readonly warnings: readonly Warning[];
}

type Bitmaps = readonly KeptBitmap[] | 'broken';

/** @param disks none of which is written to @throws EngineError as `openStoredDisk`; what the hypervisor says */
export async function keptBitmaps(
  parts: EngineParts,
  vm: Vm | null,
  name: string,
  disks: readonly CapturedDisk[],
  signal: AbortSignal,
): Promise<Kept> {
  const bitmaps: Bitmaps[] = [];
  for (const { opened } of disks) bitmaps.push(await bitmapsOf(opened));
  const found = await earlierKept(parts, vm, name, disks, signal);
  const opened = found && ('why' in found ? found : await openKept(parts, found, disks, bitmaps, signal));
  const earlier = opened && !('why' in opened) ? opened : null;
  const why = opened && 'why' in opened ? opened.why : null;
  // a checkpoint stands for the version that it was made with, until there is another
  const isByCheckpoint = found !== null && !('why' in found) && found.isCheckpoint && earlier !== null;
  const own = await Promise.all(disks.map((disk, i) => (isByCheckpoint ? null : freshOf(disk.opened, bitmaps[i]))));
  const isNone = !isByCheckpoint && earlier === null && own.every((one) => one === null);
  return {
    earlier,
    tracked: { bitmaps: own, since: earlier && !('why' in found!) ? found!.number : null },
    warnings: [
      ...(why === null ? [] : [{ code: 'CHANGES_NOT_KNOWN', data: { name, reason: why } } as const]),
      ...(isNone ? [{ code: 'CHANGES_NOT_TRACKED', data: { path: disks[0].opened.place.path } } as const] : []),
    ],
  };
}

async function bitmapsOf({ bitmaps }: OpenedSource): Promise<Bitmaps> {
  try {
    return bitmaps ? await bitmaps() : [];
  } catch (error) {
    return brokenOr(error);
  }
}

/** What is wrong with an account is no reason not to read all. @throws what is wrong with anything else */
function brokenOr(error: unknown): 'broken' {
  if (['FORMAT_INVALID', 'FILE_TRUNCATED'].includes(toEngineError(error).code)) return 'broken';
  throw error;
}

/** One that tells of nothing yet stands for this moment. @returns its name, of the newest one */
async function freshOf({ source: { lengthBytes } }: OpenedSource, bitmaps: Bitmaps): Promise<string | null> {
  if (bitmaps === 'broken') return null;
  const usable = bitmaps.filter((one) => one.name.startsWith(OURS) && one.isConsistent && one.isRecording);
  for (const bitmap of usable.toReversed()) {
    const isEmpty = await isUnwritten(bitmap, lengthBytes).catch((error: unknown) => brokenOr(error) !== 'broken');
    if (isEmpty && bitmaps.filter(({ name }) => name === bitmap.name).length === 1) return bitmap.name;
  }
  return null;
}

async function isUnwritten(bitmap: KeptBitmap, lengthBytes: number): Promise<boolean> {
  for (let at = 0; at < lengthBytes; at += STEP_BYTES) {
    if ((await bitmap.written(at, Math.min(STEP_BYTES, lengthBytes - at))).length > 0) return false;
  }
  return true;
}

interface EarlierKept extends Pick<EarlierVersion, 'reference' | 'number' | 'record'> {
  /** of each disk, which together tell what was written since; null: nothing tells */
  readonly names: readonly (readonly string[] | null)[];
  readonly isCheckpoint: boolean;
}

/** The newest version for whose moment a bitmap stands. */
async function earlierKept(
  parts: EngineParts,
  vm: Vm | null,
  templateName: string,
  disks: readonly CapturedDisk[],
  signal: AbortSignal,
): Promise<EarlierKept | { why: WhyWhole } | null> {
  const live = vm && (hypervisorAt(vm.place).hypervisor.live ?? null);
  for (const { why, ...version } of soundVersions(parts, templateName)) {
    const { record } = version;
    const own = record.tracked?.bitmaps ?? [];
    const checkpoint = vm && live ? checkpointOf(record, vm) : null;
    if (own.every((name) => name === null) && checkpoint === null) continue;
    if (why) return { why };
    if (checkpoint === null)
      return { ...version, names: own.map((name) => (name === null ? null : [name])), isCheckpoint: false };
    const names = await checkpointsSince(live!, vm!.id, checkpoint, signal);
    if (names === null) return { why: 'checkpoint-gone' };
    // only qcow2 keeps what was written since
    return {
      ...version,
      names: disks.map(({ opened }) => (opened.format === 'qcow2' ? names : null)),
      isCheckpoint: true,
    };
  }
  return null;
}

/** @returns it and all that came after it; null: it is none any more */
async function checkpointsSince(
  live: Live,
  id: string,
  checkpoint: { readonly name: string; readonly madeAt: string },
  signal: AbortSignal,
): Promise<string[] | null> {
  if (!(await isThatMoment(live, id, checkpoint, signal))) return null;
  return [checkpoint.name, ...(await live.checkpointsAfter(id, checkpoint.name, signal))];
}

async function openKept(
  parts: EngineParts,
  { reference, record, names }: EarlierKept,
  disks: readonly CapturedDisk[],
  bitmaps: readonly Bitmaps[],
  signal: AbortSignal,
): Promise<EarlierDisks | { why: WhyWhole }> {
  const chosen: (readonly KeptBitmap[] | null)[] = [];
  for (const [i, { opened }] of disks.entries()) {
    const wanted = names[i] ?? null;
    const found = wanted && chosenOf(wanted, bitmaps[i], opened);
    if (found && 'why' in found) return found;
    // what cannot be read of them is found before anything is taken over
    const isReadable = found === null || (await isWhole(found, opened.source.lengthBytes, signal));
    if (!isReadable) return { why: 'bitmap-broken' };
    chosen.push(found);
  }
  return openEarlier(parts, { reference, record }, disks, (i, { source: { lengthBytes } }) => {
    const together = chosen[i];
    if (!together) return null;
    return new ChangedRuns(lengthBytes, (from, length) => writtenInAny(together, from, length));
  });
}

function chosenOf(
  names: readonly string[],
  bitmaps: Bitmaps,
  { files }: OpenedSource,
): readonly KeptBitmap[] | { why: WhyWhole } {
  // what lies below it may have changed without it
  if (files.length > 0) return { why: 'backing-files' };
  if (bitmaps === 'broken') return { why: 'bitmap-broken' };
  const found: KeptBitmap[] = [];
  for (const name of names) {
    const [bitmap, other] = bitmaps.filter((one) => one.name === name);
    if (!bitmap) return { why: 'bitmap-gone' };
    if (other || !bitmap.isConsistent) return { why: 'bitmap-broken' };
    found.push(bitmap);
  }
  return found.some(({ isRecording }) => isRecording) ? found : { why: 'bitmap-stopped' };
}

async function isWhole(bitmaps: readonly KeptBitmap[], lengthBytes: number, signal: AbortSignal): Promise<boolean> {
  try {
    for (let at = 0; at < lengthBytes; at += STEP_BYTES) {
      signal.throwIfAborted();
      await writtenInAny(bitmaps, at, Math.min(STEP_BYTES, lengthBytes - at));
    }
    return true;
  } catch (error) {
    return brokenOr(error) !== 'broken';
  }
}

/** As the hypervisor itself unites the bitmaps of checkpoints: each tells of the time up to the next. */
async function writtenInAny(
  bitmaps: readonly KeptBitmap[],
  startBytes: number,
  lengthBytes: number,
): Promise<Extent[]> {
  return joinExtents((await Promise.all(bitmaps.map((bitmap) => bitmap.written(startBytes, lengthBytes)))).flat());
}
