/** Carries out exports. A file gets its name when it is whole and synced; a failed or cancelled export leaves nothing. */
import { lstat, stat } from 'node:fs/promises';
import type { FoundVersion } from '../../catalog/template-repository.ts';
import type { ExportFormat } from '../../contract/import.contract.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { numberOf, ofDisk } from '../../core/of-disk.ts';
import { PartialOutput } from '../../core/partial-output.ts';
import { createImage } from '../../formats/create-image.ts';
import type { ImageOptions, ImageWriter, PackClusters } from '../../formats/image-writer.port.ts';
import { outputFile } from '../../formats/raw/output-file.ts';
import { lockReader } from '../../store/locks.ts';
import type { ManifestReader } from '../../store/manifest-reader.ts';
import type { PressPool } from '../../store/press-pool.ts';
import type { Claim } from '../../machines/machine.port.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { ManifestJson } from '../../versions/manifest-json.ts';
import { refuseBlockedCheck } from '../../judgement/overrides.ts';
import type { ExportRecord } from '../plan-records.ts';
import { templateSource } from '../../versions/template-source.ts';
import { diskOf, type FoundDisk } from '../../versions/found-disk.ts';
import { naming } from '../../versions/naming.ts';
import { withManifest } from '../../versions/with-manifest.ts';
import { planExportMove, withMovedTables } from './moved-tables.ts';
import { takeInOrder } from '../../versions/ordered-windows.ts';
import { createOva } from './ova-writer.ts';
import { writePackage } from './package-writer.ts';
import { createRawZstd } from './zstd-writer.ts';

/** @throws EngineError `PLAN_BLOCKED` where another process writes that file; `OVERWRITE_REQUIRED`, `PACK_DAMAGED`, `DISK_FULL`, `WRITE_FAILED` */
export async function runExport(parts: EngineParts, plan: ExportRecord, context: JobContext): Promise<JobResult> {
  const { password } = plan.request;
  const found = parts.templates.find(`${plan.templateId}@${plan.versionNumber}`);
  const lock = lockReader(parts.layout);
  const pool = parts.presses.forJob(context.signal);
  parts.index.forgetFrames();
  let output: PartialOutput | null = null;
  let claim: Claim | null = null;
  try {
    await refuseExisting(plan);
    claim = await parts.machine.claim({ kind: 'file', path: plan.path }, `export ${plan.templateName}`);
    const own = (output = await PartialOutput.begin(plan.path, plan.planId));
    const { format } = plan;
    if (format === 'package') {
      const folder = own.folder.at('.');
      const packed = await naming(found.template.name, () =>
        own.within(plan.path, () => writePackage(parts, found, folder, password, pool, context)),
      );
      await publish(plan, own, context, packed);
    } else {
      const disks = plan.disk === null ? found.version.disks.map((_, i) => i + 1) : [plan.disk];
      const chosen = disks.map((disk) => diskOf(found, disk));
      await writeImages(parts, plan, format, found, chosen, own, pool, context);
      await publish(plan, own, context);
    }
    const { size } = await stat(plan.path);
    parts.audit.add('template.exported', plan.templateName, {
      templateId: found.template.id,
      version: found.version.number,
      target: plan.path,
      format: plan.format,
      isEncrypted: password !== null,
      lengthBytes: size,
    });
    return {
      templateId: found.template.id,
      versionNumber: found.version.number,
      processedBytes: plan.disk === null ? found.version.usedBytes : diskOf(found, plan.disk).disk.usedBytes,
      storedBytes: 0,
      verifiedBytes: 0,
      readBack: 'none',
      damagedTemplates: [],
    };
  } finally {
    await pool.close();
    await output?.end();
    await claim?.release();
    lock.release();
  }
}

/** One disk, or those of an OVA one after the other. */
async function writeImages(
  parts: EngineParts,
  { path }: ExportRecord,
  format: Exclude<ExportFormat, 'package'>,
  found: FoundVersion,
  disks: readonly FoundDisk[],
  output: PartialOutput,
  pool: PressPool,
  context: JobContext,
): Promise<void> {
  const file = outputFile(await output.create(), path, output.contentPath);
  context.phase(
    'exporting',
    disks.reduce((sum, { disk }) => sum + disk.usedBytes, 0),
  );
  const ova = format === 'ova' ? createOva(file, found.template.name, found.version.configuration) : null;
  const create = (lengthBytes: number, options: ImageOptions) => {
    if (format === 'ova') return ova!.createDisk(lengthBytes, options);
    return (format === 'raw.zst' ? createRawZstd : createImage(format))(file, lengthBytes, options);
  };
  try {
    for (const [i, disk] of disks.entries()) {
      await ofDisk(numberOf(i, disks.length), () =>
        withManifest(parts, disk, (manifest, json) => writeImage(parts, format, create, manifest, json, pool, context)),
      );
    }
    await ova?.finish();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

async function writeImage(
  parts: EngineParts,
  format: Exclude<ExportFormat, 'package'>,
  create: (lengthBytes: number, options: ImageOptions) => Promise<ImageWriter>,
  manifest: ManifestReader,
  json: ManifestJson,
  pool: PressPool,
  context: JobContext,
): Promise<void> {
  const { layout } = json.disk;
  const { lengthBytes, sectorBytes, physicalSectorBytes } = layout;
  const pack: PackClusters = (codec, memory, clusterBytes) =>
    pool.request(pool.pickThread(), { kind: 'pack', codec, memory, clusterBytes });
  const writer = await create(lengthBytes, { sectorBytes, physicalSectorBytes, pack });
  try {
    if (writer.lengthBytes !== lengthBytes) {
      const data = { templateBytes: lengthBytes, lengthBytes: writer.lengthBytes };
      context.warn({ code: 'EXPORT_LENGTH_ROUNDED', data });
    }
    const source = templateSource(parts.index, manifest, json);
    const { relocation, checks } = await planExportMove(source, layout.table, format, writer.lengthBytes).finally(() =>
      source.close(),
    );
    refuseBlockedCheck(checks);
    const moved = relocation ? withMovedTables(writer, relocation) : writer;
    await takeInOrder(parts.index, manifest, json, pool, context, (offset, bytes) => moved.write(offset, bytes));
    await moved.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function publish(
  { needsOverwrite }: ExportRecord,
  output: PartialOutput,
  { signal }: JobContext,
  from?: string,
): Promise<void> {
  signal.throwIfAborted();
  await output.publish(needsOverwrite, from);
}

/** A file that came to be there since the plan was made is left alone. */
async function refuseExisting(plan: ExportRecord): Promise<void> {
  if (plan.needsOverwrite || !(await lstat(plan.path).catch(() => null))) return;
  throw new EngineError('OVERWRITE_REQUIRED', { path: plan.path });
}
