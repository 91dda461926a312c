/** Carries out a capture. The sources are opened read-only and never written to. */
import { randomUUID } from 'node:crypto';
import type { PlaceView } from '../../contract/disk.contract.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import type { Vm } from '../../contract/vm.contract.ts';
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
import { storeDisks } from '../../storing/store-disk.ts';
import { joinWriters } from '../../versions/leftovers.ts';
import type { EngineParts } from '../engine-parts.ts';
import { resultsOfDisks } from '../disk-results.ts';
import type { CaptureRecord } from '../plan-records.ts';
import { busOf, checksOfDisks } from './checks.ts';
import { bootFirst } from '../../inspection/boots.ts';
import { earlierVersion, openEarlier, type EarlierDisks, type EarlierVersion, type WhyWhole } from './earlier.ts';
import { dropCheckpoint, takeMoment, type Moment } from './live.ts';
import { openDisks, seenOf, type CapturedDisks } from './disks.ts';
import { profileOfVm, sourcesOf, usesAt } from './sources.ts';

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
  let moment: Moment | null = null;
  let earlier: EarlierDisks | null = null;
  let isStored = false;
  try {
    const planned = [plan, ...plan.others];
    const asked = await sourcesOf(request, context.signal);
    const { vm } = asked;
    const taken = vm && asked.isLive ? await takeTracked(parts, vm, request, context) : null;
    moment = taken && taken.moment;
    const { sources } = moment ?? asked;
    if (sources.length !== planned.length) throw new EngineError('DEVICE_CHANGED', { path: request.source });
    captured = await openDisks(parts, sources, request, context.signal, (opened, i) => {
      checkSamePlace(planned[i].source, opened.place);
      refuseOtherFiles(planned[i].files, opened.files);
    });
    const { disks } = captured;
    if (taken?.earlier) {
      const opened = await openEarlier(parts, taken.earlier, sources, disks, context.signal);
      if ('why' in opened) context.warn(readsAll(request.name, opened.why));
      else earlier = opened;
    }
    const places = disks.map(({ opened }) => opened.place);
    const uses = await usesAt(parts, asked, places);
    const existing = parts.templates.findByName(request.name);
    const checks = withOverrides(
      [
        ...checksOfDisks(disks.map(seenOf), uses, request),
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
    const about = { ...request, licence: 'none', owner: vm && profileOfVm(vm) } as const;
    const used = bootFirst(disks.map(({ opened, role }, i) => ({ place: opened.place, role, use: uses[i] })));
    const { report, machine, platform } = await captureReport(parts, book, used, guest, existing, about);
    refuseReported(report);
    const ofImages = disks.flatMap(({ number, opened }) => opened.warnings.map((warning) => toldOf(number, warning)));
    const ofDisks = disks.flatMap(({ number, view }) => warningsOf(view).map((warning) => toldOf(number, warning)));
    for (const warning of [...ofImages, ...ofDisks, ...guest.warnings]) context.warn(warning);

    const { name, note, tags, kind, level, onUnreadable, policy = null } = request;
    const template = { name, note, tags, kind, licence: about.licence, policy };
    const recorded = { guest, machine, platform, configuration: configurationOf(guest, machine) };
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
        warnings: [...ofImages, ...guest.warnings],
      },
      context,
      async () => {
        for (const { number, opened } of disks) await ofDisk(number, () => opened.refuseChanged());
        await moment?.check(context.signal);
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
      ...outsideFacts(stored.version.disks.map(({ layout }) => layout)),
      overridden: [...overriddenCodes(checks), ...overriddenRules(report)],
    });
    return resultsOfDisks(stored);
  } catch (error) {
    throw moment ? moment.explain(error) : error;
  } finally {
    await earlier?.close();
    await captured?.close();
    await moment?.end(isStored);
    lock.release();
  }
}

/** With what was written since an earlier version, where that can be told; a broken account is told, and all is read. */
async function takeTracked(
  parts: EngineParts,
  vm: Vm,
  { name, trackChanges }: CaptureRecord['request'],
  context: JobContext,
): Promise<{ moment: Moment; earlier: EarlierVersion | null; outdated: string | null }> {
  const checkpoint = trackChanges ? `diskpress-${randomUUID()}` : null;
  const found = await earlierVersion(parts, vm, name, context.signal);
  if (found && 'why' in found) context.warn(readsAll(name, found.why));
  const earlier = found && !('why' in found) ? found : null;
  const take = (since: string | null) =>
    takeMoment(parts, vm, { isFrozen: true, tracking: { checkpoint, since } }, context.signal);
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
