/** Plans a capture: looks at the sources, and says what would be read and what forbids it. */
import { randomUUID } from 'node:crypto';
import type { CapturePlan } from '../../contract/plan.contract.ts';
import { withImageWarnings } from '../../images/open-source.ts';
import type { KeptLooks } from '../../inspection/kept-looks.ts';
import { spaceCheck } from '../../judgement/capture-checks.ts';
import { captureReport } from '../../judgement/capture-report.ts';
import { diskCountCheck, diskOrderCheck } from '../../judgement/same-disks.ts';
import { withOverrides } from '../../judgement/overrides.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import { freeBytes } from '../../machines/free-bytes.ts';
import type { EngineParts } from '../engine-parts.ts';
import { refusalOf, type CaptureRecord, type Planned } from '../plan-records.ts';
import { busOf, chainChecks, checksOfDisks, shutDownCheck, withoutUsers } from './checks.ts';
import { bootFirst } from '../../inspection/boots.ts';
import { momentChecks } from './live.ts';
import { lookAtDisks, type CaptureLook } from './look.ts';
import { profileOfVm, sourcesOf, usesAt, type CaptureRequest } from './sources.ts';

/**
 * Looks at the sources and says what a capture would do.
 * @param looks what plans have seen: who uses the disks, the rules and the catalog's room are asked anew each time
 * @throws EngineError as {@link lookAtDisks}, {@link sourcesOf}
 */
export async function planCapture(
  parts: EngineParts,
  looks: KeptLooks<CaptureLook>,
  request: CaptureRequest,
  expiresAt: string,
  signal: AbortSignal,
): Promise<Planned<CaptureRecord, CapturePlan>> {
  const book = await openRulebook(parts);
  const asked = await sourcesOf(request, request.shutDown !== null, signal);
  const { sources, vm, isLive } = asked;
  const shutDown = vm && vm.state !== 'off' && !isLive ? request.shutDown : null;
  const { disks, guest, consistency } = await lookAtDisks(parts, looks, asked, request, book.endOfLife, signal);
  const places = disks.map(({ place }) => place);
  const allUses = await usesAt(parts, asked, places);
  // it uses them itself until it is off; whoever else does is found then
  const uses = shutDown ? allUses.map(withoutUsers) : allUses;
  const existing = parts.templates.findByName(request.name);
  const catalogFreeBytes = await freeBytes(parts.layout.root);
  const used = bootFirst(disks.map(({ place, role }, i) => ({ place, role, use: uses[i] })));
  const { report } = await captureReport(parts, book, used, guest, existing, {
    ...request,
    licence: 'none',
    owner: vm && profileOfVm(vm),
  });
  const checks = [
    ...withOverrides(
      [
        ...shutDownCheck(vm, shutDown),
        ...checksOfDisks(disks, uses, sources),
        ...(await chainChecks(parts.machine, disks, parts.layout.root)),
        ...(vm && consistency ? momentChecks(vm.place, consistency, request.trackChanges) : []),
        ...diskCountCheck(existing, disks.length),
        ...diskOrderCheck(
          existing,
          disks.map(({ view }) => view),
        ),
      ],
      request.overrides,
    ),
    spaceCheck(
      disks.reduce((sum, { view }) => sum + view.usedBytes, 0),
      catalogFreeBytes,
    ),
  ];
  const [first, ...others] = disks.map(({ place, files }) => ({ source: place, files: [...files] }));
  const plan = { planId: randomUUID(), expiresAt, ...first };
  const record: CaptureRecord = { ...plan, others, kind: 'capture', request, refusal: refusalOf(checks, report) };
  const view: CapturePlan = {
    ...plan,
    disk: withImageWarnings(disks[0].view, disks[0]),
    disks: disks.map(({ role, place, files, warnings, view: disk, readBytes }, i) => ({
      role,
      bus: busOf(uses, i),
      source: place,
      files: [...files],
      disk: withImageWarnings(disk, { warnings }),
      readBytes,
    })),
    name: request.name,
    kind: existing?.kind ?? request.kind,
    versionNumber: existing ? parts.templates.nextVersionNumber(existing.id) : 1,
    readBytes: disks.reduce((sum, { readBytes }) => sum + readBytes, 0),
    catalogFreeBytes,
    guest,
    checks,
    report,
    canRun: record.refusal === null,
  };
  return { record, view };
}
