/** Capture: plan, check, run, verify. The source is opened read-only and never written to. */
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { CheckedParams } from '../../contract/commands.ts';
import type { DiskView, PlaceView } from '../../contract/disk.contract.ts';
import type { CapturePlan } from '../../contract/plan.contract.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { DiskAccount } from '../../inspection/account/account.ts';
import { captureChecks, outsideFacts, spaceCheck } from '../../judgement/capture-checks.ts';
import { inspectDisk, warningsOf } from '../../inspection/disk-inspection.ts';
import type { EngineParts } from '../engine-parts.ts';
import { freeBytes } from '../../machines/free-bytes.ts';
import { joinWriters } from '../../versions/leftovers.ts';
import {
  isNothingRecognised,
  onePartitionCheck,
  otherFilesCheck,
  refuseOtherFiles,
} from '../../judgement/image-checks.ts';
import { openSource, type OpenedSource } from '../../images/open-source.ts';
import { captureReport } from '../../judgement/capture-report.ts';
import { configurationOf } from '../../inspection/configuration.ts';
import { guestOf } from '../../inspection/guest-of.ts';
import { overriddenRules, refuseReported } from '../../judgement/make-report.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import { overriddenCodes, refuseBlockedCheck, withOverrides } from '../../judgement/overrides.ts';
import { storeDisks } from '../../storing/store-disk.ts';
import { refusalOf, type CaptureRecord, type Planned } from '../plan-records.ts';
import { damagedSource, tellingOfFill } from '../../inspection/unreadable.ts';

/** A disk by itself: nobody says what it was plugged into. */
const ONLY_DISK = { role: 'boot', bus: null, address: null } as const;

export type CaptureRequest = CheckedParams<'capture.plan'>;

/**
 * Looks at the source and says what a capture would do.
 * @throws EngineError `SOURCE_NOT_FOUND`, `PERMISSION_DENIED`, `READ_FAILED`, `FORMAT_INVALID` for an empty file
 */
export async function planCapture(
  parts: EngineParts,
  request: CaptureRequest,
  expiresAt: string,
  signal: AbortSignal,
): Promise<Planned<CaptureRecord, CapturePlan>> {
  const opened = await openSource(parts.machine, request.source, request.format);
  const { source, place, files } = opened;
  try {
    if (place.lengthBytes === 0)
      throw new EngineError('FORMAT_INVALID', { path: place.path, field: 'length', value: '0' });
    const { disk, account } = await inspectSource(source, place, request, signal);
    const view = account.view();
    const existing = parts.templates.findByName(request.name);
    const catalogFreeBytes = await freeBytes(parts.layout.root);
    const book = await openRulebook(parts);
    const guest = await guestOf(source, disk.opened, book.endOfLife, signal);
    const { report } = await captureReport(parts, book, place, guest, existing, { ...request, licence: 'none' });
    const checks = [
      ...withOverrides(
        [...(await captureChecks(parts, place, view)), ...imageChecks(opened, view, request)],
        request.overrides,
      ),
      spaceCheck(view.usedBytes, catalogFreeBytes),
    ];
    const plan = { planId: randomUUID(), expiresAt, source: place, files: [...files] };
    const record: CaptureRecord = { ...plan, kind: 'capture', request, refusal: refusalOf(checks, report) };
    const shown: CapturePlan = {
      ...plan,
      disk: view,
      name: request.name,
      kind: existing?.kind ?? request.kind,
      versionNumber: existing ? parts.templates.nextVersionNumber(existing.id) : 1,
      readBytes: account.readBytes,
      catalogFreeBytes,
      guest,
      checks,
      report,
      canRun: record.refusal === null,
    };
    return { record, view: shown };
  } finally {
    await source.close();
  }
}

/** What is captured is called a disk by whoever captures it: a raw one with nothing known on it is told, and taken. */
function imageChecks({ place, format, files }: OpenedSource, disk: DiskView, request: CaptureRequest): Check[] {
  if (place.kind === 'device') return [];
  const name = basename(place.path);
  const checks = [
    ...otherFilesCheck(name, format, files, request.format),
    ...onePartitionCheck(name, format, disk, request.format),
  ];
  if (format === 'raw' && request.format === null && isNothingRecognised(disk)) {
    checks.push({ code: 'IMAGE_NOT_RECOGNISED', level: 'warn', data: { name } });
  }
  return checks;
}

/** Where a capture goes on over unreadable sectors, volumes whose tables lie there are captured whole. */
function inspectSource(source: BlockSource, place: PlaceView, request: CaptureRequest, signal: AbortSignal) {
  const inspect = async (from: BlockSource) => {
    const disk = await inspectDisk(from, signal);
    return { disk, account: await DiskAccount.of(disk, place.kind, request.outside, signal) };
  };
  return request.onUnreadable === 'fill' ? inspect(damagedSource(source)) : tellingOfFill(() => inspect(source));
}

/** Carries out a plan. Whatever ends it early leaves the catalog as it was. */
export async function runCapture(parts: EngineParts, plan: CaptureRecord, context: JobContext): Promise<JobResult> {
  const { request } = plan;
  context.phase('inspecting', 0);
  const lock = await joinWriters(parts, `capture ${request.name}`);
  let source: BlockSource | null = null;
  try {
    const opened = await openSource(parts.machine, request.source, request.format);
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
