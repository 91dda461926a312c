/** Carries out a capture. The sources are opened read-only and never written to. */
import { randomUUID } from 'node:crypto';
import type { PlaceView } from '../../contract/disk.contract.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import type { Vm, VmDefinition } from '../../contract/vm.contract.ts';
import type { Warning } from '../../contract/warnings.ts';
import { EngineError, toEngineError } from '../../core/engine-error.ts';
import { togetherContext, type JobContext } from '../../core/job-context.ts';
import { ofDisk, toldOf } from '../../core/of-disk.ts';
import { configurationOf } from '../../inspection/configuration.ts';
import { warningsOf } from '../../inspection/disk-inspection.ts';
import { guestOfDisks } from '../../inspection/guest-of.ts';
import { outsideFacts } from '../../judgement/capture-checks.ts';
import { captureReport } from '../../judgement/capture-report.ts';
import { diskCountCheck, diskOrderCheck } from '../../judgement/same-disks.ts';
import { refuseOtherFiles } from '../../judgement/image-checks.ts';
import { overriddenRules, refuseReported } from '../../judgement/make-report.ts';
import { overriddenCodes, refuseBlockedCheck, withOverrides } from '../../judgement/overrides.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import type { DefinedMachine } from '../../machines/hypervisors/hypervisor.port.ts';
import type { Machine } from '../../machines/machine.port.ts';
import { hypervisorAt } from '../../machines/hypervisors/hypervisors.ts';
import { storeDisks, type StoredVersion } from '../../storing/store-disk.ts';
import { addAttachment } from '../../versions/attachments.ts';
import { joinWriters } from '../../versions/leftovers.ts';
import type { EngineParts } from '../engine-parts.ts';
import { resultsOfDisks } from '../disk-results.ts';
import type { CaptureRecord } from '../plan-records.ts';
import { busOf, chainChecks, checksOfDisks } from './checks.ts';
import { bootFirst } from '../../inspection/boots.ts';
import { keptBitmaps } from './kept-bitmaps.ts';
import {
  earlierVersion,
  openEarlier,
  servedChanges,
  type EarlierDisks,
  type EarlierVersion,
  type WhyWhole,
} from './earlier.ts';
import { dropCheckpoint, takeMoment, type Moment } from './live.ts';
import { openDisks, seenOf, type CapturedDisks } from './disks.ts';
import { shutDown, type MachineOff } from './machine-off.ts';
import { profileOfVm, sourcesOf, usesAt, type CaptureRequest, type CaptureSources } from './sources.ts';

/**
 * Carries out a plan. Whatever ends it early leaves the catalog as it was: of several disks there are all, or none.
 * @param contexts one for each disk, in their order
 * @returns what came of each disk
 * @throws EngineError with `disk` in its data where it is about one of several
 */
export async function runCapture(
  parts: EngineParts,
  plan: CaptureRecord,
  ...contexts: readonly JobContext[]
): Promise<JobResult[]> {
  const { request } = plan;
  const context = togetherContext(contexts);
  context.phase('inspecting', 0);
  const lock = await joinWriters(parts, `capture ${request.name}`);
  let captured: CapturedDisks | null = null;
  let off: MachineOff | null = null;
  let moment: Moment | null = null;
  let earlier: EarlierDisks | null = null;
  let isStored = false;
  try {
    const planned = [plan, ...plan.others];
    let found = await sourcesOf(request, request.shutDown !== null, context.signal);
    if (found.vm && request.shutDown && found.vm.state !== 'off') {
      off = await shutDown(parts, found.vm, request.shutDown.withinSeconds, context);
      context.phase('inspecting', 0);
      found = await sourcesOf(request, false, context.signal);
    }
    const { vm } = found;
    const taken = vm && found.isLive ? await takeTracked(parts, vm, request, context) : null;
    moment = taken && taken.moment;
    const { sources } = moment ?? found;
    if (sources.length !== planned.length) throw new EngineError('DEVICE_CHANGED', { path: request.source });
    captured = await openDisks(parts, sources, request, context.signal, (opened, i) => {
      checkSamePlace(planned[i].source, opened.place);
      refuseOtherFiles(planned[i].files, opened.files);
    });
    const { disks } = captured;
    if (taken?.earlier) {
      const opened = await openEarlier(parts, taken.earlier, disks, (i, one) =>
        servedChanges(sources[i], one, context.signal),
      );
      if ('why' in opened) context.warn(readsAll(request.name, opened.why));
      else earlier = opened;
    }
    const kept =
      request.trackChanges && !moment ? await keptBitmaps(parts, vm, request.name, disks, context.signal) : null;
    if (kept) earlier = kept.earlier;
    for (const warning of kept?.warnings ?? []) context.warn(warning);
    const places = disks.map(({ opened }) => opened.place);
    const writes = await writesTo(parts.machine, places);
    const uses = await usesAt(parts, found, places);
    const existing = parts.templates.findByName(request.name);
    const checks = withOverrides(
      [
        ...checksOfDisks(disks.map(seenOf), uses, sources),
        ...(await chainChecks(parts.machine, disks.map(seenOf), parts.layout.root)),
        ...diskCountCheck(existing, disks.length),
        ...diskOrderCheck(
          existing,
          disks.map(({ view }) => view),
        ),
      ],
      request.overrides,
    );
    refuseBlockedCheck(checks);
    const book = await openRulebook(parts);
    const guest = await guestOfDisks(
      bootFirst(disks).map(({ disk }) => disk),
      book.endOfLife,
      context.signal,
    );
    const defined = vm && (await hypervisorAt(vm.place).hypervisor.define?.(vm.id, context.signal));
    const about = { ...request, licence: 'none', owner: vm && profileOfVm(vm) } as const;
    const used = bootFirst(disks.map(({ opened, role }, i) => ({ place: opened.place, role, use: uses[i] })));
    const { report, machine, platform } = await captureReport(parts, book, used, guest, existing, about);
    refuseReported(report);
    const ofImages = disks.flatMap(({ number, opened }) => opened.warnings.map((warning) => toldOf(number, warning)));
    const ofDisks = disks.flatMap(({ number, view }) => warningsOf(view).map((warning) => toldOf(number, warning)));
    for (const warning of [...ofImages, ...ofDisks, ...guest.warnings]) context.warn(warning);

    const { name, note, tags, kind, level, onUnreadable, policy = null } = request;
    const template = { name, note, tags, kind, licence: about.licence, policy };
    const definition = defined ? withoutDisks(defined.definition, request.without) : null;
    const recorded = { guest, machine, platform, definition, configuration: configurationOf(guest, machine) };
    const shown = vm &&
      moment && {
        machine: vm.id,
        consistency: moment.consistency,
        checkpoint: moment.checkpoint,
        since: earlier ? taken!.earlier!.number : null,
      };
    const stored = await storeDisks(
      parts,
      disks.map(({ role, disk, account }, i) => ({
        role,
        bus: sources[i].bus ?? busOf(uses, i),
        address: null,
        disk,
        account,
        place: planned[i].source,
        earlier: earlier?.disks[i],
        context: contexts[i],
      })),
      {
        ...template,
        ...recorded,
        level,
        onUnreadable,
        medium: 'disk',
        moment: shown ?? undefined,
        tracked: kept?.tracked,
        warnings: [...ofImages, ...guest.warnings],
      },
      context,
      async () => {
        for (const { number, opened } of disks) await ofDisk(number, () => opened.refuseChanged());
        if (moment) await moment.check(context.signal);
        else if ((await writesTo(parts.machine, places)) !== writes)
          throw new EngineError('SOURCE_CHANGED', { path: places[0].path });
        else await refuseStarted(request, found, context.signal);
        // nothing of it is read from here on
        await off?.startAgain();
      },
    );
    isStored = true;
    // its own account goes on from here
    if (vm && moment?.checkpoint && taken?.outdated) await dropCheckpoint(vm, taken.outdated);
    parts.audit.add('template.captured', stored.template.name, {
      templateId: stored.template.id,
      version: stored.version.number,
      source: planned.map(({ source }) => source.path).join(', '),
      serial: planned.map(({ source }) => source.serial).join(', '),
      newBytes: stored.version.newBytes,
      ...(off && { shutDown: request.source }),
      ...outsideFacts(stored.version.disks.map(({ layout }) => layout)),
      overridden: [...overriddenCodes(checks), ...overriddenRules(report)],
    });
    if (defined) await keepOriginal(parts, stored, defined, context);
    return resultsOfDisks(stored);
  } catch (error) {
    throw moment ? moment.explain(error) : error;
  } finally {
    await earlier?.close();
    await captured?.close();
    await off?.startAgain();
    await moment?.end(isStored);
    lock.release();
  }
}

/** @throws EngineError `VM_STARTED_MEANWHILE`; `SOURCE_CHANGED` where the machine has other disks by now */
async function refuseStarted(request: CaptureRequest, before: CaptureSources, signal: AbortSignal): Promise<void> {
  if (!before.vm) return;
  const now = await sourcesOf(request, true, signal).catch((error: unknown) => {
    const { code, data } = toEngineError(error);
    throw code === 'VM_NOT_OFF' ? new EngineError('VM_STARTED_MEANWHILE', data) : error;
  });
  if (now.vm?.state !== 'off') throw new EngineError('VM_STARTED_MEANWHILE', { place: request.source });
  if (JSON.stringify(now.sources) !== JSON.stringify(before.sources))
    throw new EngineError('SOURCE_CHANGED', { path: request.source });
}

/** What the kernel has counted of each device. */
async function writesTo(machine: Machine, places: readonly PlaceView[]): Promise<string> {
  return (await Promise.all(places.map((place) => machine.writesTo(place)))).join(', ');
}

/** What the hypervisor wrote of the machine, beside what was understood of it. The version is there whatever comes of it. */
async function keepOriginal(
  parts: EngineParts,
  { template, version }: StoredVersion,
  { definition: { removed }, original }: DefinedMachine,
  context: JobContext,
): Promise<void> {
  const { name, mediaType, text } = original;
  try {
    await addAttachment(parts, `${template.id}@${version.number}`, { name, mediaType, content: Buffer.from(text) });
    if (removed.length > 0) context.warn({ code: 'VM_SECRETS_LEFT_OUT', data: { name, names: removed } });
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    context.warn({ code: 'ATTACHMENT_NOT_KEPT', data: { name, reason: error.code } });
  }
}

/** With what was written since an earlier version, where that can be told; a broken account is told, and all is read. */
async function takeTracked(
  parts: EngineParts,
  vm: Vm,
  { name, trackChanges, without }: CaptureRecord['request'],
  context: JobContext,
): Promise<{ moment: Moment; earlier: EarlierVersion | null; outdated: string | null }> {
  const checkpoint = trackChanges ? `diskpress-${randomUUID()}` : null;
  const found = await earlierVersion(parts, vm, name, context.signal);
  if (found && 'why' in found) context.warn(readsAll(name, found.why));
  const earlier = found && !('why' in found) ? found : null;
  const take = (since: string | null) =>
    takeMoment(parts, vm, { isFrozen: true, tracking: { checkpoint, since }, without }, context.signal);
  if (earlier) {
    try {
      return { moment: await take(earlier.checkpoint), earlier, outdated: earlier.checkpoint };
    } catch (error) {
      if (toEngineError(error).code !== 'LIVE_NOT_POSSIBLE') throw error;
    }
  }
  const moment = await take(null);
  if (earlier) context.warn(readsAll(name, 'bitmap-broken'));
  return { moment, earlier: null, outdated: earlier && earlier.checkpoint };
}

const readsAll = (name: string, why: WhyWhole): Warning => ({ code: 'CHANGES_NOT_KNOWN', data: { name, reason: why } });

/** What has no serial number is known by its path: a link, or a virtual machine, may lead to another file by now. */
function checkSamePlace(planned: PlaceView, opened: PlaceView): void {
  const isElsewhere = planned.serial === '' && planned.path !== opened.path;
  if (isElsewhere || planned.serial !== opened.serial || planned.lengthBytes !== opened.lengthBytes) {
    throw new EngineError('DEVICE_CHANGED', {
      path: planned.path,
      serial: opened.serial,
      lengthBytes: opened.lengthBytes,
    });
  }
}

/** Disks that were left out are none of the version's. */
function withoutDisks(definition: VmDefinition, without: readonly string[]): VmDefinition {
  let number = 0;
  const disks = definition.disks.map((disk) =>
    disk.disk === null ? disk : { ...disk, disk: without.includes(disk.name) ? null : ++number },
  );
  return { ...definition, disks };
}
