/** Import: find the image, unpack what has to be, check sums, inspect, store. Whatever ends it early leaves the catalog as it was. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskView, PlaceView } from '../../contract/disk.contract.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import type { Warning } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import { togetherContext, type JobContext } from '../../core/job-context.ts';
import { numberOf, ofDisk, toldOf } from '../../core/of-disk.ts';
import { diskChecks, outsideFacts } from '../../judgement/capture-checks.ts';
import { warningsOf } from '../../inspection/disk-inspection.ts';
import type { EngineParts } from '../engine-parts.ts';
import { refuseOtherFiles } from '../../judgement/image-checks.ts';
import { joinWriters } from '../../versions/leftovers.ts';
import { overriddenCodes, refuseBlockedCheck, withOverrides } from '../../judgement/overrides.ts';
import { resultsOfDisks } from '../disk-results.ts';
import type { ImportRecord } from '../plan-records.ts';
import { diskCountCheck, diskOrderCheck } from '../../judgement/same-disks.ts';
import { checkSource, usesOfSources } from '../../judgement/source-checks.ts';
import { captureReport } from '../../judgement/capture-report.ts';
import { guestOfDisks } from '../../inspection/guest-of.ts';
import { overriddenRules, refuseReported } from '../../judgement/make-report.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import { storeDisks } from '../../storing/store-disk.ts';
import { findImage } from '../../images/find-image.ts';
import { bootFirst } from '../../inspection/boots.ts';
import { lookAtDisks } from './disks.ts';
import { contradictions, recordedConfiguration } from './form.ts';
import { placeOf } from './look.ts';
import { isUnknown, limitsOf, refuseUnclear, whatItIsChecks, wholenessChecks } from './plan.ts';
import { proposalFor } from '../../images/inspect-image.ts';
import type { Found } from '../../images/opened-image.ts';
import { stateOfFile } from '../../images/watched-files.ts';
import { resolvedSource } from '../../machines/image-file.ts';
import { importPackage } from './package-import.ts';
import { nameIfSent } from './sent-name.ts';

/**
 * @param contexts one for each disk, in their order, or one for all of them
 * @returns what came of each part
 * @throws EngineError as {@link findImage}; `PLAN_BLOCKED` for what inspection finds behind an archive, `SOURCE_CHANGED`, `DISK_FULL`,
 *   `READ_FAILED`, `FORMAT_INVALID` where a checksum that came along is wrong
 */
export async function runImport(
  parts: EngineParts,
  plan: ImportRecord,
  ...contexts: readonly JobContext[]
): Promise<JobResult[]> {
  const { request } = plan;
  const context = togetherContext(contexts);
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
    if (plan.state !== null && (await stateOfFile(await resolvedSource(request.path))) !== plan.state)
      throw new EngineError('SOURCE_CHANGED', { path: plan.source.path });
    found = await findImage(request, scratch, context.signal);
    refuseUnclear(request, found);
    const { refuseChanged } = found;
    if (found.package)
      return [await importPackage(parts, plan.name, request, found.package, scratch, refuseChanged, context)];
    if (!found.image) throw new EngineError('FORMAT_INVALID', { path: request.path, field: 'image', value: 'none' });
    // what is packed is only seen now
    if (plan.files !== null) {
      refuseOtherFiles(
        plan.files,
        found.images.flatMap(({ files }) => files),
      );
    }
    if (contexts.length > 1 && contexts.length !== found.images.length)
      throw new EngineError('SOURCE_CHANGED', { path: plan.source.path });
    return await importDisks(parts, plan, found, refuseChanged, contexts, context);
  } finally {
    await found?.close();
    if (scratchFolder) await rm(scratchFolder, { recursive: true, force: true });
    lock.release();
  }
}

async function importDisks(
  parts: EngineParts,
  plan: ImportRecord,
  found: Found,
  refuseChanged: () => Promise<void>,
  contexts: readonly JobContext[],
  context: JobContext,
): Promise<JobResult[]> {
  const { request } = plan;
  const partOf = (i: number) => (contexts.length > 1 ? contexts[i] : context);
  const { images } = found;
  for (const [i, image] of images.entries()) {
    await ofDisk(numberOf(i, images.length), () => image.verify(partOf(i)));
  }
  context.phase('inspecting', 0);
  const disks = await lookAtDisks(images, request.outside, context.signal);
  const places = await Promise.all(disks.map(({ view }, i) => placeOfDisk(request.path, view, found.disks[i]?.name)));
  const sourcePath = await nameIfSent(parts.layout, places[0].path);
  const [use] = await usesOfSources(parts.machine, [places[0]], parts.layout.root);
  const existing = parts.templates.findByName(plan.name);
  const checks = withOverrides(
    [
      ...wholenessChecks(found),
      ...diskCountCheck(existing, disks.length),
      ...diskOrderCheck(
        existing,
        disks.map(({ view }) => view),
      ),
      ...checkSource(places[0], use),
      ...disks.flatMap(({ number, image, view }) =>
        [...diskChecks(view), ...whatItIsChecks(found, image.files, view, request.format)].map((check) =>
          toldOf(number, check),
        ),
      ),
    ],
    request.overrides,
  );
  refuseBlockedCheck(checks);
  const book = await openRulebook(parts);
  const boot = bootFirst(disks);
  const guest = await guestOfDisks(
    boot.map(({ inspected }) => inspected),
    book.endOfLife,
    context.signal,
  );
  // they lie in one file
  const inOrder = boot.map((disk) => ({ place: places[disks.indexOf(disk)], use }));
  const { report, machine, platform } = await captureReport(parts, book, inOrder, guest, existing, request);
  refuseReported(report);
  const [{ image: bootImage, view: bootView }] = boot;
  const proposal = await proposalFor(bootImage, bootView, guest);
  const warnings: Warning[] = [
    ...found.warnings,
    ...disks.flatMap(({ number, image }) => image.warnings.map((warning) => toldOf(number, warning))),
    ...(isUnknown(found, disks[0].inspected.view) && request.format === null
      ? [{ code: 'IMAGE_NOT_RECOGNISED', data: { name: found.fileName } } as const]
      : []),
    ...guest.warnings,
    ...contradictions(request, proposal, bootView).map((data) => ({ code: 'IMPORT_CONTRADICTED', data }) as const),
  ];
  const ofDisks = disks.flatMap(({ number, view }) => warningsOf(view).map((warning) => toldOf(number, warning)));
  for (const warning of [...warnings, ...ofDisks]) context.warn(warning);
  const { note, tags, kind, licence, level, policy = null } = request;
  const about = { name: plan.name, note, tags, kind, licence, level, policy, onUnreadable: 'stop' } as const;
  const stored = await storeDisks(
    parts,
    disks.map(({ role, inspected, account }, i) => ({
      role,
      bus: found.disks[i]?.bus ?? null,
      address: found.disks[i]?.address ?? null,
      disk: inspected,
      account,
      place: { ...places[i], path: sourcePath },
      context: partOf(i),
    })),
    {
      ...about,
      tags,
      guest,
      machine,
      platform,
      medium: images[0].medium,
      configuration: recordedConfiguration(request, proposal.configuration),
      warnings,
    },
    context,
    refuseChanged,
  );
  const { template, version } = stored;
  parts.audit.add('template.imported', template.name, {
    templateId: template.id,
    version: version.number,
    source: sourcePath,
    format: found.format ?? '',
    newBytes: version.newBytes,
    ...outsideFacts(version.disks.map(({ layout }) => layout)),
    overridden: [...overriddenCodes(checks), ...overriddenRules(report)],
  });
  return contexts.length > 1 ? resultsOfDisks(stored) : [stored.result];
}

/** @param name of its file in the machine; left out: it is the only one */
async function placeOfDisk(path: string, { lengthBytes }: DiskView, name?: string): Promise<PlaceView> {
  const place = await placeOf(path, lengthBytes);
  return name === undefined ? place : { ...place, model: name };
}
