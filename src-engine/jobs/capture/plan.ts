/** Plans a capture: looks at the source, and says what would be read and what forbids it. */
import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import type { CheckedParams } from '../../contract/commands.ts';
import type { DiskView, PlaceView } from '../../contract/disk.contract.ts';
import type { CapturePlan } from '../../contract/plan.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { DiskAccount } from '../../inspection/account/account.ts';
import { captureChecks, spaceCheck } from '../../judgement/capture-checks.ts';
import { inspectDisk } from '../../inspection/disk-inspection.ts';
import type { EngineParts } from '../engine-parts.ts';
import { freeBytes } from '../../machines/free-bytes.ts';
import { formatCheck, isNothingRecognised, onePartitionCheck, otherFilesCheck } from '../../judgement/image-checks.ts';
import { openSource, withImageWarnings, type OpenedSource } from '../../images/open-source.ts';
import { captureReport } from '../../judgement/capture-report.ts';
import { guestOf } from '../../inspection/guest-of.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import { withOverrides } from '../../judgement/overrides.ts';
import { refusalOf, type CaptureRecord, type Planned } from '../plan-records.ts';
import { damagedSource, tellingOfFill } from '../../inspection/unreadable.ts';

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
  const opened = await openAsked(parts, request);
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
      disk: withImageWarnings(view, opened),
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

/** @throws EngineError as {@link openSource} */
export function openAsked(
  { machine }: EngineParts,
  { source, format, onUnreadable }: CaptureRequest,
): Promise<OpenedSource> {
  const isOver = onUnreadable === 'fill';
  const open = () => openSource(machine, source, format, isOver);
  return isOver ? open() : tellingOfFill(open);
}

/** What is captured is called a disk by whoever captures it: a raw one with nothing known on it is told, and taken. */
export function imageChecks({ place, format, files }: OpenedSource, disk: DiskView, request: CaptureRequest): Check[] {
  if (place.kind === 'device') return [];
  const name = basename(place.path);
  const checks = [
    ...formatCheck(name, format, request.format),
    ...otherFilesCheck(name, format, files, request.format),
    ...onePartitionCheck(name, format, disk, request.format),
  ];
  if (format === 'raw' && request.format === null && isNothingRecognised(disk)) {
    checks.push({ code: 'IMAGE_NOT_RECOGNISED', level: 'warn', data: { name } });
  }
  return checks;
}

/** Where a capture goes on over unreadable sectors, volumes whose tables lie there are captured whole. */
export function inspectSource(source: BlockSource, place: PlaceView, request: CaptureRequest, signal: AbortSignal) {
  const inspect = async (from: BlockSource) => {
    const disk = await inspectDisk(from, signal);
    return { disk, account: await DiskAccount.of(disk, place.kind, request.outside, signal) };
  };
  return request.onUnreadable === 'fill' ? inspect(damagedSource(source)) : tellingOfFill(() => inspect(source));
}
