/** Import: find the image, unpack what has to be, check sums, inspect, store. Whatever ends it early leaves the catalog as it was. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobResult } from '../../contract/job.contract.ts';
import type { Warning } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { DiskAccount } from '../../inspection/account/account.ts';
import { captureChecks, outsideFacts } from '../../judgement/capture-checks.ts';
import { warningsOf } from '../../inspection/disk-inspection.ts';
import type { EngineParts } from '../engine-parts.ts';
import { refuseOtherFiles } from '../../judgement/image-checks.ts';
import { joinWriters } from '../../versions/leftovers.ts';
import { overriddenCodes, refuseBlockedCheck, withOverrides } from '../../judgement/overrides.ts';
import type { ImportRecord } from '../plan-records.ts';
import { captureReport } from '../../judgement/capture-report.ts';
import { guestOf } from '../../inspection/guest-of.ts';
import { overriddenRules, refuseReported } from '../../judgement/make-report.ts';
import { usesOfSources } from '../../judgement/source-checks.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import { storeDisks } from '../../storing/store-disk.ts';
import { findImage } from '../../images/find-image.ts';
import { contradictions, recordedConfiguration } from './form.ts';
import { isUnknown, limitsOf, placeOf, refuseUnclear, whatItIsChecks, wholenessChecks } from './plan.ts';
import { inspectImage, proposalFor } from '../../images/inspect-image.ts';
import type { Found, OpenedImage } from '../../images/opened-image.ts';
import { importPackage } from './package-import.ts';

/**
 * @throws EngineError as {@link findImage}; `PLAN_BLOCKED` for what inspection finds behind an archive, `SOURCE_CHANGED`, `DISK_FULL`,
 *   `READ_FAILED`, `FORMAT_INVALID` where a checksum that came along is wrong
 */
export async function runImport(parts: EngineParts, plan: ImportRecord, context: JobContext): Promise<JobResult> {
  const { request } = plan;
  const lock = await joinWriters(parts, `import ${plan.name}`);
  let scratchFolder: string | null = null;
  let found: Found | null = null;
  try {
    const folder = (scratchFolder = await mkdtemp(join(parts.layout.scratch, 'import-')));
    const scratch = {
      folder,
      limits: limitsOf(request),
      signal: context.signal,
      advance: (bytes: number) => context.advance(bytes),
    };
    context.phase('unpacking', plan.scratchBytes);
    found = await findImage(request, scratch, context.signal);
    refuseUnclear(request, found);
    const { refuseChanged } = found;
    if (found.package)
      return await importPackage(parts, plan.name, request, found.package, scratch, refuseChanged, context);
    if (!found.image) throw new EngineError('FORMAT_INVALID', { path: request.path, field: 'image', value: 'none' });
    return await importDisk(parts, plan, found, found.image, refuseChanged, context);
  } finally {
    await found?.close();
    if (scratchFolder) await rm(scratchFolder, { recursive: true, force: true });
    lock.release();
  }
}

async function importDisk(
  parts: EngineParts,
  plan: ImportRecord,
  found: Found,
  image: OpenedImage,
  refuseChanged: () => Promise<void>,
  context: JobContext,
): Promise<JobResult> {
  const { request } = plan;
  // what is packed is only seen now
  if (plan.files !== null) refuseOtherFiles(plan.files, image.files);
  await image.verify(context);
  context.phase('inspecting', 0);
  const disk = await inspectImage(image, context.signal);
  const account = await DiskAccount.of(disk, 'file', request.outside, context.signal);
  const view = account.view();
  const place = await placeOf(request.path, view.lengthBytes);
  const [use] = await usesOfSources(parts.machine, [place], parts.layout.root);
  const checks = withOverrides(
    [
      ...wholenessChecks(found),
      ...captureChecks(place, use, view),
      ...whatItIsChecks(found, disk.view, request.format),
    ],
    request.overrides,
  );
  refuseBlockedCheck(checks);
  const book = await openRulebook(parts);
  const guest = await guestOf(disk.source, disk.opened, book.endOfLife, context.signal);
  const existing = parts.templates.findByName(plan.name);
  const { report, machine, platform } = await captureReport(parts, book, [{ place, use }], guest, existing, request);
  refuseReported(report);
  const proposal = await proposalFor(image, view, guest);
  const warnings: Warning[] = [
    ...found.warnings,
    ...image.warnings,
    ...(isUnknown(found, disk.view) && request.format === null
      ? [{ code: 'IMAGE_NOT_RECOGNISED', data: { name: found.fileName } } as const]
      : []),
    ...guest.warnings,
    ...contradictions(request, proposal, view).map((data) => ({ code: 'IMPORT_CONTRADICTED', data }) as const),
  ];
  for (const warning of [...warnings, ...warningsOf(view)]) context.warn(warning);
  const { note, tags, kind, licence, level, policy = null } = request;
  const about = { name: plan.name, note, tags, kind, licence, level, policy, onUnreadable: 'stop' } as const;
  const { template, version, result } = await storeDisks(
    parts,
    [{ role: 'boot', bus: null, address: null, disk, account, place }],
    {
      ...about,
      tags,
      guest,
      machine,
      platform,
      medium: image.medium,
      configuration: recordedConfiguration(request, proposal.configuration),
      warnings,
    },
    context,
    refuseChanged,
  );
  parts.audit.add('template.imported', template.name, {
    templateId: template.id,
    version: version.number,
    source: place.path,
    format: found.format ?? '',
    newBytes: version.newBytes,
    ...outsideFacts(version.disks.map(({ layout }) => layout)),
    overridden: [...overriddenCodes(checks), ...overriddenRules(report)],
  });
  return result;
}
