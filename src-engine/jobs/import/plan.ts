/** Looks at what may be imported, and plans it. Nothing is unpacked here. */
import { randomUUID } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { UNPACK_LIMITS } from '../../archive/sparse-file.ts';
import { known } from '../../catalog/views/known.ts';
import { versionView } from '../../catalog/views/template-view.ts';
import type { OutsideChoice } from '../../contract/account.contract.ts';
import { DISK_FORMATS, type DiskFormat, type DiskView, type PlaceView } from '../../contract/disk.contract.ts';
import type { ImportPlan, ImportView } from '../../contract/import.contract.ts';
import { UNKNOWN } from '../../contract/open-words.ts';
import { KINDS, NOTHING_RECORDED, type VersionView } from '../../contract/template.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import { numberOf, toldOf } from '../../core/of-disk.ts';
import { diskChecks, spaceCheck } from '../../judgement/capture-checks.ts';
import type { EngineParts } from '../engine-parts.ts';
import { freeBytes } from '../../machines/free-bytes.ts';
import { isNothingRecognised, onePartitionCheck, otherFilesCheck } from '../../judgement/image-checks.ts';
import { diskCountCheck } from '../../judgement/disk-count-check.ts';
import { withOverrides } from '../../judgement/overrides.ts';
import { refusalOf, type ImportRecord, type Planned } from '../plan-records.ts';
import { captureReport } from '../../judgement/capture-report.ts';
import { guestOfDisks } from '../../inspection/guest-of.ts';
import { openRulebook, type Rulebook } from '../../judgement/rulebook.ts';
import { checkSource } from '../../judgement/source-checks.ts';
import { choiceRequired } from '../../images/candidates.ts';
import { findImage, type ImageRequest } from '../../images/find-image.ts';
import { contradictions, type ImportRequest } from './form.ts';
import { proposalFor } from '../../images/inspect-image.ts';
import type { Found, OpenedImage } from '../../images/opened-image.ts';
import { bootFirst } from '../../inspection/boots.ts';
import { lookAtDisks, type ImportedDisk } from './disks.ts';
import { destinationOf } from './package-import.ts';

const MAX_ENTRIES = 1000;
/** What templates' names may not have: contract, NameSchema. */
const NOT_IN_NAMES = /[\p{Cc}/@]+/gu;
const ENDINGS =
  /\.(img|raw|dd|bin|image|qcow2?|vmdk|vdi|vhdx?|ova|ovf|iso|wic|gz|xz|bz2|zst|lz4|lzma|lz|lzo|7z|zip|tar|dpk)$/i;

/** @throws EngineError as {@link findImage}; `READ_FAILED` */
export async function lookAtImage(parts: EngineParts, request: ImageRequest, signal: AbortSignal): Promise<ImportView> {
  const found = await findImage(request, null, signal);
  try {
    return await viewOf(await openRulebook(parts), request.path, found, 'ask', signal);
  } finally {
    await found.close();
  }
}

const NOT_VERIFIED = { health: 'unverified', verifiedAt: null } as const;

async function viewOf(
  book: Rulebook,
  path: string,
  found: Found,
  outside: OutsideChoice,
  signal: AbortSignal,
): Promise<ImportView> {
  const { images, image } = found;
  const looked = await lookAtDisks(images, outside, signal);
  const packed =
    found.package &&
    versionView(
      found.package.about.version,
      found.package.about.version.disks.map(() => NOT_VERIFIED),
    );
  const [first] = looked;
  const boot = bootFirst(looked);
  const guest =
    looked.length > 0
      ? await guestOfDisks(
          boot.map(({ inspected }) => inspected),
          book.endOfLife,
          signal,
        )
      : (packed?.guest ?? null);
  const disk = first?.view ?? packed?.disks[0].layout ?? null;
  const proposal = guest && looked.length > 0 ? await proposalFor(boot[0].image, boot[0].view, guest) : null;
  return {
    source: await placeOf(path, disk?.lengthBytes),
    archive: found.archive,
    needsPassword: found.needsPassword,
    entries: found.entries.slice(0, MAX_ENTRIES).map(({ name, lengthBytes }) => ({ name, lengthBytes })),
    format: found.format,
    files: images.flatMap(({ files }) => files),
    disk,
    disks: disksOf(found, looked, packed),
    guest,
    scratchBytes: found.scratchBytes,
    proposedName: nameFor(found.name),
    proposed: proposal?.configuration ?? packed?.configuration ?? NOTHING_RECORDED,
    isBootModeCertain: proposal?.isBootModeCertain ?? false,
    warnings: [
      ...found.warnings,
      ...(image
        ? looked.flatMap((one) => [...one.image.warnings, ...one.view.warnings].map((told) => toldOf(one.number, told)))
        : (disk?.warnings ?? [])),
    ],
  };
}

function disksOf(found: Found, looked: readonly ImportedDisk[], packed: VersionView | null): ImportView['disks'] {
  const alone = { name: found.fileName, lengthBytes: null, bus: null, address: null };
  const names = found.disks.length > 0 ? found.disks : looked.map(() => alone);
  if (packed) {
    return packed.disks.map(({ source, capacityBytes, role, bus, address, layout }) => ({
      name: source.model || source.path,
      lengthBytes: capacityBytes,
      role: role === UNKNOWN ? null : role,
      ...{ bus, address, disk: layout },
    }));
  }
  return names.map(({ name, lengthBytes, bus, address }, i) => ({
    name,
    lengthBytes: looked[i]?.view.lengthBytes ?? lengthBytes,
    role: looked[i]?.role ?? null,
    ...{ bus, address, disk: looked[i]?.view ?? null },
  }));
}

/** @returns the file or folder, with the length of the disk where it is known */
export async function placeOf(path: string, diskBytes?: number): Promise<PlaceView> {
  const real = await realpath(path);
  const stats = await stat(real);
  return {
    kind: 'file',
    path: real,
    model: basename(real),
    serial: '',
    lengthBytes: diskBytes ?? (stats.isFile() ? stats.size : 0),
    sectorBytes: 512,
    physicalSectorBytes: 512,
  };
}

function nameFor(name: string): string {
  let plain = name.replace(NOT_IN_NAMES, ' ').trim();
  while (ENDINGS.test(plain)) plain = plain.replace(ENDINGS, '');
  return plain.slice(0, 128).trim() || 'image';
}

/** @throws EngineError as {@link findImage}; `IMAGE_CHOICE_REQUIRED`, `ARCHIVE_PASSWORD` */
export async function planImport(
  parts: EngineParts,
  request: ImportRequest,
  expiresAt: string,
  signal: AbortSignal,
): Promise<Planned<ImportRecord, ImportPlan>> {
  const found = await findImage(request, null, signal);
  try {
    refuseUnclear(request, found);
    const book = await openRulebook(parts);
    const image = await viewOf(book, request.path, found, request.outside, signal);
    const destination = destinationOf(parts, request.name, found.package?.about ?? null);
    const catalogFreeBytes = await freeBytes(parts.layout.root);
    const file = await placeOf(request.path);
    const views = image.disks.flatMap(({ disk }) => disk ?? []);
    const usedBytes =
      views.length > 0
        ? views.reduce((sum, view) => sum + view.usedBytes, 0)
        : Math.max(image.scratchBytes, file.lengthBytes);
    const checks: Check[] = [
      ...(image.format === null || (found.image && image.disk && isUnknown(found, image.disk))
        ? []
        : [{ code: 'IMAGE_RECOGNISED', level: 'pass', data: { format: image.format } } as const]),
      ...withOverrides(
        found.image
          ? await openDisksChecks(parts, found, image, views, request)
          : await checkSource(parts.machine, image.source, parts.layout.root),
        request.overrides,
      ),
      ...withOverrides(
        [
          ...wholenessChecks(found),
          ...(found.package || image.disks.length === 0
            ? []
            : diskCountCheck(destination.existing, image.disks.length)),
        ],
        request.overrides,
      ),
      ...scratchChecks(image, file.lengthBytes, catalogFreeBytes, request),
      spaceCheck(usedBytes, catalogFreeBytes),
    ];
    if (image.disk && found.image) {
      const proposal = { configuration: image.proposed, isBootModeCertain: image.isBootModeCertain };
      const boot = image.disks.find(({ role }) => role === 'boot')?.disk ?? image.disk;
      for (const data of contradictions(request, proposal, boot)) {
        checks.push({ code: 'IMPORT_CONTRADICTED', level: 'warn', data });
      }
    }
    const lengths = views.length > 0 ? views.map(({ lengthBytes }) => lengthBytes) : [image.source.lengthBytes];
    const places = lengths.map((lengthBytes) => ({ ...image.source, lengthBytes }));
    const kind = found.package ? known(KINDS, found.package.about.template.kind) : request.kind;
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
      files: image.disk === null ? null : image.files,
      disks: found.disks.map(({ name }) => name),
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
  } finally {
    await found.close();
  }
}

/** Who uses the file is asked once, whatever number of disks is in it. */
async function openDisksChecks(
  parts: EngineParts,
  found: Found,
  { source }: ImportView,
  views: readonly DiskView[],
  request: ImportRequest,
): Promise<Check[]> {
  const ofEach = views.flatMap((view, i) =>
    [...diskChecks(view), ...imageChecks(found, found.images[i], view, request.format)].map((check) =>
      toldOf(numberOf(i, views.length), check),
    ),
  );
  return [...(await checkSource(parts.machine, source, parts.layout.root)), ...ofEach];
}

/** Of a disk that lies open: what a person is asked before it is taken. */
function imageChecks(found: Found, image: OpenedImage, disk: DiskView, said: DiskFormat | null): Check[] {
  const name = found.fileName;
  const checks = whatItIsChecks(found, image, disk, said);
  if (isUnknown(found, disk)) {
    const level = said === 'raw' ? 'warn' : 'block';
    checks.push({ code: 'IMAGE_NOT_RECOGNISED', level, canOverride: level === 'block', data: { name } });
  }
  return checks;
}

/** What is asked of an image by its format, as soon as its disk lies open: one that was packed when it is imported. */
export function whatItIsChecks(found: Found, image: OpenedImage, disk: DiskView, said: DiskFormat | null): Check[] {
  const name = found.fileName;
  const format = DISK_FORMATS.find((one) => one === found.format);
  if (!format) return [];
  return [...otherFilesCheck(name, format, image.files, said), ...onePartitionCheck(name, format, disk, said)];
}

/** Whether it is raw because nothing else claims it, and holds nothing that is known. */
export function isUnknown({ format }: Found, disk: DiskView): boolean {
  return format === 'raw' && isNothingRecognised(disk);
}

/** @throws EngineError `IMAGE_CHOICE_REQUIRED`, `ARCHIVE_PASSWORD` where a person has to say more */
export function refuseUnclear({ path, password }: ImageRequest, found: Found): void {
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
export function wholenessChecks({ notSaved }: Found): Check[] {
  if (notSaved.length === 0) return [];
  return [{ code: 'PARTITIONS_NOT_SAVED', level: 'block', canOverride: true, data: { names: notSaved.join(', ') } }];
}

export function limitsOf({ maxUnpackedBytes, maxRatio }: ImportRequest) {
  return { maxBytes: maxUnpackedBytes ?? UNPACK_LIMITS.maxBytes, maxRatio: maxRatio ?? UNPACK_LIMITS.maxRatio };
}
