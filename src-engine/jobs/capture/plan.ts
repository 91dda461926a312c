/** Plans a capture: looks at the sources, and says what would be read and what forbids it. */
import { randomUUID } from 'node:crypto';
import type { CapturePlan } from '../../contract/plan.contract.ts';
import { guestOfDisks } from '../../inspection/guest-of.ts';
import { spaceCheck } from '../../judgement/capture-checks.ts';
import { captureReport } from '../../judgement/capture-report.ts';
import { diskCountCheck } from '../../judgement/disk-count-check.ts';
import { withOverrides } from '../../judgement/overrides.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import { freeBytes } from '../../machines/free-bytes.ts';
import type { EngineParts } from '../engine-parts.ts';
import { refusalOf, type CaptureRecord, type Planned } from '../plan-records.ts';
import { openDisks, type CaptureRequest } from './disks.ts';

/**
 * Looks at the sources and says what a capture would do.
 * @throws EngineError as {@link openDisks}
 */
export async function planCapture(
  parts: EngineParts,
  request: CaptureRequest,
  expiresAt: string,
  signal: AbortSignal,
): Promise<Planned<CaptureRecord, CapturePlan>> {
  const { disks, bootFirst, close } = await openDisks(parts, request, signal);
  try {
    const existing = parts.templates.findByName(request.name);
    const catalogFreeBytes = await freeBytes(parts.layout.root);
    const book = await openRulebook(parts);
    const guest = await guestOfDisks(
      bootFirst.map(({ disk }) => disk),
      book.endOfLife,
      signal,
    );
    const places = bootFirst.map(({ opened }) => opened.place);
    const { report } = await captureReport(parts, book, places, guest, existing, { ...request, licence: 'none' });
    const checks = [
      ...withOverrides(
        [...disks.flatMap((disk) => disk.checks), ...diskCountCheck(existing, disks.length)],
        request.overrides,
      ),
      spaceCheck(
        disks.reduce((sum, { view }) => sum + view.usedBytes, 0),
        catalogFreeBytes,
      ),
    ];
    const [first, ...others] = disks.map(({ opened }) => ({ source: opened.place, files: [...opened.files] }));
    const plan = { planId: randomUUID(), expiresAt, ...first };
    const record: CaptureRecord = { ...plan, others, kind: 'capture', request, refusal: refusalOf(checks, report) };
    const shown: CapturePlan = {
      ...plan,
      disk: disks[0].view,
      disks: disks.map(({ role, bus, opened, view, account }) => ({
        role,
        bus,
        source: opened.place,
        files: [...opened.files],
        disk: view,
        readBytes: account.readBytes,
      })),
      name: request.name,
      kind: existing?.kind ?? request.kind,
      versionNumber: existing ? parts.templates.nextVersionNumber(existing.id) : 1,
      readBytes: disks.reduce((sum, { account }) => sum + account.readBytes, 0),
      catalogFreeBytes,
      guest,
      checks,
      report,
      canRun: record.refusal === null,
    };
    return { record, view: shown };
  } finally {
    await close();
  }
}
