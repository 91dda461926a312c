/** The version of a template whose machine has kept account of what it wrote since: where it is trusted, and what is read of it. */
import type { VersionRecord } from '../../catalog/records/index.ts';
import type { Vm } from '../../contract/vm.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import type { OpenedSource } from '../../images/open-source.ts';
import { liveAt } from '../../machines/hypervisors/hypervisors.ts';
import type { Live } from '../../machines/hypervisors/live.port.ts';
import type { NbdSource } from '../../nbd/client.ts';
import { ChangedRuns, type EarlierDisk } from '../../storing/earlier-disk.ts';
import { diskOf } from '../../versions/found-disk.ts';
import { openStoredDisk, type StoredDisk } from '../../versions/open-stored-disk.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { CapturedDisk } from './disks.ts';
import type { CaptureSource } from './sources.ts';

export interface EarlierVersion {
  readonly reference: string;
  readonly number: number;
  readonly checkpoint: string;
  readonly record: VersionRecord;
}

/** Why all is read, where something less was to be had: words of the locales. */
export type WhyWhole =
  | 'damaged'
  | 'incomplete'
  | 'checkpoint-gone'
  | 'bitmap-broken'
  | 'bitmap-gone'
  | 'bitmap-stopped'
  | 'backing-files'
  | 'disks-differ';

/** The checkpoint that a version was captured with, of that machine. */
export function checkpointOf({ moment }: VersionRecord, { id }: Vm) {
  return moment?.machine === id ? moment.checkpoint : null;
}

interface SoundVersion extends Pick<EarlierVersion, 'reference' | 'number' | 'record'> {
  /** why nothing of it can be taken over; null: it can */
  readonly why: WhyWhole | null;
}

/** Of a template, where there is one: the newest first. Those whose records cannot be read are left out. */
export function* soundVersions({ templates }: EngineParts, name: string): Generator<SoundVersion> {
  const template = templates.findByName(name);
  for (const { number } of template?.versions ?? []) {
    const reference = `${template!.id}@${number}`;
    const { version, manifests } = templates.find(reference);
    const record = templates.soundVersion(manifests[0])?.record;
    if (!record) continue;
    const isDamaged = version.health === 'damaged' || version.health === 'unknown';
    const isIncomplete = version.disks.some(({ damage }) => damage);
    yield { reference, number, record, why: isDamaged ? 'damaged' : isIncomplete ? 'incomplete' : null };
  }
}

/** One of the same name that was made at another time tells of another time. */
export async function isThatMoment(
  live: Live,
  id: string,
  { name, madeAt }: { readonly name: string; readonly madeAt: string },
  signal: AbortSignal,
): Promise<boolean> {
  return (await live.checkpointMadeAt(id, name, signal)) === madeAt;
}

/**
 * The newest version that was captured of this machine with a checkpoint.
 * @returns null where there is none; why it cannot be used, where it cannot
 */
export async function earlierVersion(
  parts: EngineParts,
  vm: Vm,
  name: string,
  signal: AbortSignal,
): Promise<EarlierVersion | { why: WhyWhole } | null> {
  for (const { why, ...version } of soundVersions(parts, name)) {
    const checkpoint = checkpointOf(version.record, vm);
    if (checkpoint === null) continue;
    if (why) return { why };
    if (!(await isThatMoment(liveAt(vm.place), vm.id, checkpoint, signal))) return { why: 'checkpoint-gone' };
    return { ...version, checkpoint: checkpoint.name };
  }
  return null;
}

export interface EarlierDisks {
  /** for each disk of the capture, in their order; undefined: all of it is read */
  readonly disks: readonly (EarlierDisk | undefined)[];
  close(): Promise<void>;
}

/**
 * @param changesOf a disk of the capture, by its number from 0: what was written to it since; null: nobody knows
 * @throws EngineError as `openStoredDisk`
 */
export async function openEarlier(
  parts: EngineParts,
  { reference, record }: Pick<EarlierVersion, 'reference' | 'record'>,
  captured: readonly CapturedDisk[],
  changesOf: (index: number, opened: OpenedSource) => ChangedRuns | null,
): Promise<EarlierDisks | { why: WhyWhole }> {
  const isSame = captured.every(
    ({ opened, disk }, i) =>
      record.disks[i]?.source.path === opened.place.path &&
      record.disks[i].layout.lengthBytes === disk.source.lengthBytes,
  );
  if (!isSame || record.disks.length !== captured.length) return { why: 'disks-differ' };
  const stored: StoredDisk[] = [];
  const close = async () => {
    await Promise.all(stored.map((one) => one.close()));
  };
  try {
    const found = parts.templates.find(reference);
    const disks: (EarlierDisk | undefined)[] = [];
    for (const [i, { opened }] of captured.entries()) {
      const changes = changesOf(i, opened);
      if (changes === null) {
        disks.push(undefined);
        continue;
      }
      const one = await openStoredDisk(parts, diskOf(found, i + 1));
      stored.push(one);
      disks.push({
        manifest: one.manifest,
        regions: one.json.regions,
        changed: (from, length) => changes.in(from, length),
      });
    }
    return { disks, close };
  } catch (error) {
    await close();
    if (error instanceof EngineError && ['MANIFEST_DAMAGED', 'PACK_DAMAGED'].includes(error.code))
      return { why: 'damaged' };
    throw error;
  }
}

/** @param source of a disk, which its hypervisor serves @returns what it tells of a disk; see {@link openEarlier} */
export function servedChanges(
  { served }: CaptureSource,
  { source }: OpenedSource,
  signal: AbortSignal,
): ChangedRuns | null {
  const context = served?.changesContext ?? null;
  if (context === null || !tellsChanges(source, context)) return null;
  return new ChangedRuns(source.lengthBytes, (from, length) => dirtyRuns(source, context, from, length, signal));
}

function tellsChanges(source: BlockSource, context: string): source is NbdSource {
  return 'contexts' in source && (source as NbdSource).contexts.includes(context);
}

/** Bit 0 of what QEMU says of a bitmap: written since. */
const DIRTY = 1;

async function dirtyRuns(
  source: NbdSource,
  context: string,
  startBytes: number,
  lengthBytes: number,
  signal: AbortSignal,
): Promise<Extent[]> {
  const runs: Extent[] = [];
  for await (const batch of source.status(context, startBytes, lengthBytes, signal)) {
    for (const run of batch) if ((run.flags & DIRTY) !== 0) runs.push(run);
  }
  return runs;
}
