/** Plans the import of an image. */
import { randomUUID } from 'node:crypto';
import { UNPACK_LIMITS } from '../../archive/sparse-file.ts';
import { known } from '../../catalog/views/known.ts';
import { DISK_FORMATS, type DiskFormat, type DiskView } from '../../contract/disk.contract.ts';
import type { ImportPlan, ImportView } from '../../contract/import.contract.ts';
import { KINDS } from '../../contract/template.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import { numberOf, toldOf } from '../../core/of-disk.ts';
import { choiceRequired } from '../../images/candidates.ts';
import type { ImageRequest } from '../../images/find-image.ts';
import type { Found } from '../../images/opened-image.ts';
import { stateOfFile } from '../../images/watched-files.ts';
import type { KeptLooks } from '../../inspection/kept-looks.ts';
import { diskChecks, spaceCheck } from '../../judgement/capture-checks.ts';
import { captureReport } from '../../judgement/capture-report.ts';
import { diskCountCheck, diskOrderCheck } from '../../judgement/same-disks.ts';
import { formatCheck, isNothingRecognised, onePartitionCheck, otherFilesCheck } from '../../judgement/image-checks.ts';
import { withOverrides } from '../../judgement/overrides.ts';
import { openRulebook } from '../../judgement/rulebook.ts';
import { checkSource, usesOfSources, type SourceUse } from '../../judgement/source-checks.ts';
import { freeBytes } from '../../machines/free-bytes.ts';
import type { EngineParts } from '../engine-parts.ts';
import { refusalOf, type ImportRecord, type Planned } from '../plan-records.ts';
import { contradictions, type ImportRequest } from './form.ts';
import { lookAtImage, placeOf, type ImportLook } from './look.ts';
import { destinationOf, otherName } from './package-import.ts';

/** @throws EngineError as {@link lookAtImage}; `IMAGE_CHOICE_REQUIRED`, `ARCHIVE_PASSWORD` */
export async function planImport(
  parts: EngineParts,
  looks: KeptLooks<ImportLook>,
  request: ImportRequest,
  expiresAt: string,
  signal: AbortSignal,
): Promise<Planned<ImportRecord, ImportPlan>> {
  const book = await openRulebook(parts);
  const found = await lookAtImage(looks, request, book.endOfLife, signal);
  refuseUnclear(request, found);
  const image = found.view;
  const isOpen = found.filesOfImages.length > 0;
  const destination = destinationOf(parts, request.name, found.package);
  const catalogFreeBytes = await freeBytes(parts.layout.root);
  const file = await placeOf(request.path);
  const views = image.disks.flatMap(({ disk }) => disk ?? []);
  const usedBytes =
    views.length > 0
      ? views.reduce((sum, view) => sum + view.usedBytes, 0)
      : Math.max(image.scratchBytes, file.lengthBytes);
  const [use] = await usesOfSources(parts.machine, [image.source], parts.layout.root);
  const checks: Check[] = [
    ...(image.format === null || (isOpen && image.disk && isUnknown(found, image.disk))
      ? []
      : [{ code: 'IMAGE_RECOGNISED', level: 'pass', data: { format: image.format } } as const]),
    ...withOverrides(
      isOpen ? openDisksChecks(use, found, image, views, request) : checkSource(image.source, use),
      request.overrides,
    ),
    ...withOverrides(
      [
        ...wholenessChecks(found),
        ...(found.package || image.disks.length === 0 ? [] : diskCountCheck(destination.existing, image.disks.length)),
        ...(isOpen ? diskOrderCheck(destination.existing, views) : []),
      ],
      request.overrides,
    ),
    ...scratchChecks(image, file.lengthBytes, catalogFreeBytes, request),
    spaceCheck(usedBytes, catalogFreeBytes),
  ];
  const other = otherName(request.name, destination);
  if (other) checks.push({ code: 'IMPORT_NAME_NOT_USED', level: 'warn', data: other });
  if (image.disk && isOpen) {
    const proposal = { configuration: image.proposed, isBootModeCertain: image.isBootModeCertain };
    const boot = image.disks.find(({ role }) => role === 'boot')?.disk ?? image.disk;
    for (const data of contradictions(request, proposal, boot)) {
      checks.push({ code: 'IMPORT_CONTRADICTED', level: 'warn', data });
    }
  }
  const lengths = views.length > 0 ? views.map(({ lengthBytes }) => lengthBytes) : [image.source.lengthBytes];
  const places = lengths.map((lengthBytes) => ({ place: { ...image.source, lengthBytes }, use }));
  const kind = found.package ? known(KINDS, found.package.template.kind) : request.kind;
  const asked = { ...request, kind };
  const report =
    image.guest && image.disk
      ? (await captureReport(parts, book, places, image.guest, destination.existing, asked)).report
      : null;
  const plan = { planId: randomUUID(), expiresAt, name: destination.name };
  const record: ImportRecord = {
    ...plan,
    kind: 'import',
    request,
    refusal: refusalOf(checks, report),
    source: image.source,
    state: await stateOfFile(request.path),
    files: image.disk === null ? null : image.files,
    disks: [...found.disks],
    scratchBytes: image.scratchBytes,
  };
  const view: ImportPlan = {
    ...plan,
    image,
    kind: destination.existing?.kind ?? kind,
    versionNumber: destination.existing ? parts.templates.nextVersionNumber(destination.existing.id) : 1,
    catalogFreeBytes,
    checks,
    report,
    canRun: record.refusal === null,
  };
  return { record, view };
}

/** Who uses the file is asked once, whatever number of disks is in it. */
function openDisksChecks(
  use: SourceUse,
  found: ImportLook,
  { source }: ImportView,
  views: readonly DiskView[],
  request: ImportRequest,
): Check[] {
  const ofEach = views.flatMap((view, i) =>
    [...diskChecks(view), ...imageChecks(found, found.filesOfImages[i], view, request.format)].map((check) =>
      toldOf(numberOf(i, views.length), check),
    ),
  );
  return [...checkSource(source, use), ...ofEach];
}

type Named = Pick<Found, 'format' | 'fileName'>;

/** Of a disk that lies open: what a person is asked before it is taken. */
function imageChecks(found: Named, files: readonly string[], disk: DiskView, said: DiskFormat | null): Check[] {
  const name = found.fileName;
  const checks = whatItIsChecks(found, files, disk, said);
  if (isUnknown(found, disk)) {
    const level = said === 'raw' ? 'warn' : 'block';
    checks.push({ code: 'IMAGE_NOT_RECOGNISED', level, canOverride: level === 'block', data: { name } });
  }
  return checks;
}

/** What is asked of an image by its format, as soon as its disk lies open: one that was packed when it is imported. */
export function whatItIsChecks(
  found: Named,
  files: readonly string[],
  disk: DiskView,
  said: DiskFormat | null,
): Check[] {
  const name = found.fileName;
  const format = DISK_FORMATS.find((one) => one === found.format);
  if (!format) return [];
  return [
    ...formatCheck(name, format, said),
    ...otherFilesCheck(name, format, files, said),
    ...onePartitionCheck(name, format, disk, said),
  ];
}

/** Whether it is raw because nothing else claims it, and holds nothing that is known. */
export function isUnknown({ format }: Pick<Found, 'format'>, disk: DiskView): boolean {
  return format === 'raw' && isNothingRecognised(disk);
}

/** @throws EngineError `IMAGE_CHOICE_REQUIRED`, `ARCHIVE_PASSWORD` where a person has to say more */
export function refuseUnclear({ path, password }: ImageRequest, found: Pick<Found, 'needsPassword' | 'entries'>): void {
  if (found.needsPassword) throw new EngineError('ARCHIVE_PASSWORD', { path, isWrong: password !== null });
  if (found.entries.length > 0) throw choiceRequired(path, found.entries);
}

/** Zeros take no room when they are unpacked, so a long image may fit all the same; what is shorter than its archive hardly ever does. */
function scratchChecks(image: ImportView, fileBytes: number, free: number, request: ImportRequest): Check[] {
  const isPacked = image.format === null || image.format === 'clonezilla' || image.format === 'package';
  if (!isPacked) return [];
  const limits = limitsOf(request);
  const requiredBytes = Math.min(limits.maxBytes, Math.max(image.scratchBytes, fileBytes));
  const data = { freeBytes: free, requiredBytes };
  if (free >= requiredBytes) return [{ code: 'SCRATCH_SPACE', level: 'pass', data }];
  return [{ code: 'SCRATCH_SPACE_LOW', level: free < fileBytes ? 'block' : 'warn', data }];
}

/** What an image does not hold would come out as zeros: somebody has to want that. */
export function wholenessChecks({ notSaved }: Pick<Found, 'notSaved'>): Check[] {
  if (notSaved.length === 0) return [];
  return [{ code: 'PARTITIONS_NOT_SAVED', level: 'block', canOverride: true, data: { names: notSaved.join(', ') } }];
}

export function limitsOf({ maxUnpackedBytes, maxRatio }: ImportRequest) {
  return { maxBytes: maxUnpackedBytes ?? UNPACK_LIMITS.maxBytes, maxRatio: maxRatio ?? UNPACK_LIMITS.maxRatio };
}
