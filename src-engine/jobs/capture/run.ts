/** Carries out a capture. The source is opened read-only and never written to. */
import { stat } from 'node:fs/promises';
import type { PlaceView } from '../../contract/disk.contract.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { captureChecks, outsideFacts } from '../../judgement/capture-checks.ts';
import { warningsOf } from '../../inspection/disk-inspection.ts';
import type { EngineParts } from '../engine-parts.ts';
import { joinWriters } from '../../versions/leftovers.ts';
import { refuseOtherFiles } from '../../judgement/image-checks.ts';
import { captureReport } from '../../judgement/capture-report.ts';
import { configurationOf } from '../../inspection/configuration.ts';
import { guestOf } from '../../inspection/guest-of.ts';
import { overriddenRules, refuseReported } from '../../judgement/make-report.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import { overriddenCodes, refuseBlockedCheck, withOverrides } from '../../judgement/overrides.ts';
import { storeDisks } from '../../storing/store-disk.ts';
import { type CaptureRecord } from '../plan-records.ts';
import { imageChecks, inspectSource, openAsked } from './plan.ts';

/** A disk by itself: nobody says what it was plugged into. */
const ONLY_DISK = { role: 'boot', bus: null, address: null } as const;

/** Carries out a plan. Whatever ends it early leaves the catalog as it was. */
export async function runCapture(parts: EngineParts, plan: CaptureRecord, context: JobContext): Promise<JobResult> {
  const { request } = plan;
  context.phase('inspecting', 0);
  const lock = await joinWriters(parts, `capture ${request.name}`);
  let source: BlockSource | null = null;
  try {
    const opened = await openAsked(parts, request);
    source = opened.source;
    checkSamePlace(plan.source, opened.place);
    refuseOtherFiles(plan.files, opened.files);
    const modified = await modifiedAt(opened.place);
    const { disk: inspected, account } = await inspectSource(source, opened.place, request, context.signal);
    const disk = { ...inspected, source };
    const view = account.view();
    const checks = withOverrides(
      [...(await captureChecks(parts, opened.place, view)), ...imageChecks(opened, view, request)],
      request.overrides,
    );
    refuseBlockedCheck(checks);
    const book = await openRulebook(parts);
    const guest = await guestOf(source, disk.opened, book.endOfLife, context.signal);
    const existing = parts.templates.findByName(request.name);
    const about = { ...request, licence: 'none' } as const;
    const { report, machine, platform } = await captureReport(parts, book, opened.place, guest, existing, about);
    refuseReported(report);
    for (const warning of [...opened.warnings, ...warningsOf(view), ...guest.warnings]) context.warn(warning);

    const { name, note, tags, kind, level, onUnreadable, policy = null } = request;
    const template = { name, note, tags, kind, licence: about.licence, policy };
    const recorded = { guest, machine, platform, configuration: configurationOf(guest, machine) };
    const stored = await storeDisks(
      parts,
      [{ ...ONLY_DISK, disk, account, place: plan.source }],
      {
        ...template,
        ...recorded,
        level,
        onUnreadable,
        medium: 'disk',
        warnings: [...opened.warnings, ...guest.warnings],
      },
      context,
      async () => {
        await opened.refuseChanged();
        if ((await modifiedAt(opened.place)) !== modified) {
          throw new EngineError('SOURCE_CHANGED', { path: plan.source.path });
        }
      },
    );
    parts.audit.add('template.captured', stored.template.name, {
      templateId: stored.template.id,
      version: stored.version.number,
      source: plan.source.path,
      serial: plan.source.serial,
      newBytes: stored.version.newBytes,
      ...outsideFacts(stored.version.disks[0].layout),
      overridden: [...overriddenCodes(checks), ...overriddenRules(report)],
    });
    return stored.result;
  } finally {
    await source?.close();
    lock.release();
  }
}

function checkSamePlace(planned: PlaceView, opened: PlaceView): void {
  if (planned.serial !== opened.serial || planned.lengthBytes !== opened.lengthBytes) {
    throw new EngineError('DEVICE_CHANGED', {
      path: planned.path,
      serial: opened.serial,
      lengthBytes: opened.lengthBytes,
    });
  }
}

/** A file that changes while it is read gives an image of no moment. Devices have no such mark. */
async function modifiedAt(place: PlaceView): Promise<number> {
  return place.kind === 'file' ? (await stat(place.path)).mtimeMs : 0;
}
