/** Carries out exports. A file gets its name when it is whole and synced; a failed or cancelled export leaves nothing. */
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FoundVersion } from '../../catalog/template-repository.ts';
import type { ExportFormat, ExportPlan } from '../../contract/import.contract.ts';
import type { JobResult } from '../../contract/job.contract.ts';
import { EngineError, ioError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { createImage } from '../../formats/create-image.ts';
import type { CreateImage, PackClusters } from '../../formats/image-writer.port.ts';
import { outputFile } from '../../formats/raw/output-file.ts';
import { syncFolder } from '../../store/durable.ts';
import { lockReader } from '../../store/locks.ts';
import type { ManifestReader } from '../../store/manifest-reader.ts';
import { PressPool } from '../../store/press-pool.ts';
import { manifestPath } from '../../store/store-layout.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { ManifestJson } from '../manifest-json.ts';
import { partialPath } from '../partial-path.ts';
import { withManifest } from '../with-manifest.ts';
import type { PlannedExport } from './export-plan.ts';
import { takeInOrder } from './ordered-windows.ts';
import { createOva } from './ova-writer.ts';
import { writePackage } from './package-writer.ts';
import { createRawZstd } from './zstd-writer.ts';

/** @param password of a package, or null @throws EngineError `OVERWRITE_REQUIRED`, `PACK_DAMAGED`, `DISK_FULL`, `WRITE_FAILED` */
export async function runExport(
  parts: EngineParts,
  plan: PlannedExport,
  password: string | null,
  context: JobContext,
): Promise<JobResult> {
  const found = parts.templates.find(`${plan.templateId}@${plan.versionNumber}`);
  const lock = lockReader(parts.layout);
  const pool = new PressPool(parts.pressUrl, context.signal, 2);
  parts.index.forgetFrames();
  const partial = partialPath(plan.path, plan.planId);
  try {
    await refuseExisting(plan);
    await withManifest(parts, found, async (manifest, json) => {
      if (plan.format === 'package') {
        await mkdir(partial, { mode: 0o700 }).catch((error) => {
          throw ioError(error, 'WRITE_FAILED', { path: partial });
        });
        const packed = await writePackage(
          parts,
          manifest,
          manifestPath(parts.layout, found.manifest),
          json,
          partial,
          password,
          pool,
          context,
        );
        await publish(plan, packed, context);
      } else {
        await writeImage(parts, plan.format, found, manifest, json, partial, pool, context);
        await publish(plan, partial, context);
      }
    });
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
      processedBytes: found.version.usedBytes,
      storedBytes: 0,
      verifiedBytes: 0,
      readBack: 'none',
      damagedTemplates: [],
    };
  } finally {
    await pool.close();
    await rm(partial, { force: true, recursive: true }).catch(() => {});
    lock.release();
  }
}

async function writeImage(
  parts: EngineParts,
  format: Exclude<ExportFormat, 'package'>,
  { version }: FoundVersion,
  manifest: ManifestReader,
  json: ManifestJson,
  partial: string,
  pool: PressPool,
  context: JobContext,
): Promise<void> {
  const { lengthBytes, sectorBytes, physicalSectorBytes } = json.version.disk;
  const handle = await open(partial, 'wx').catch((error) => {
    throw ioError(error, 'WRITE_FAILED', { path: partial });
  });
  const file = outputFile(handle, partial);
  const create: CreateImage =
    format === 'raw.zst' ? createRawZstd : format === 'ova' ? createOva(json) : createImage(format);
  const pack: PackClusters = (codec, memory, clusterBytes) =>
    pool.request(pool.pickThread(), { kind: 'pack', codec, memory, clusterBytes });
  const writer = await create(file, lengthBytes, { sectorBytes, physicalSectorBytes, pack }).catch(async (error) => {
    await file.discard();
    throw error;
  });
  try {
    if (writer.lengthBytes !== lengthBytes) {
      const data = { templateBytes: lengthBytes, lengthBytes: writer.lengthBytes };
      context.warn({ code: 'EXPORT_LENGTH_ROUNDED', data });
    }
    context.phase('exporting', version.usedBytes);
    await takeInOrder(parts.index, manifest, json, pool, context, (offset, bytes) => writer.write(offset, bytes));
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function publish(plan: ExportPlan, from: string, { signal }: JobContext): Promise<void> {
  signal.throwIfAborted();
  await refuseExisting(plan);
  await rename(from, plan.path).catch((error) => {
    throw ioError(error, 'WRITE_FAILED', { path: plan.path });
  });
  await syncFolder(dirname(plan.path));
}

/** A file that came to be there since the plan was made is left alone. */
async function refuseExisting(plan: ExportPlan): Promise<void> {
  if (plan.needsOverwrite || !(await stat(plan.path).catch(() => null))) return;
  throw new EngineError('OVERWRITE_REQUIRED', { path: plan.path });
}
