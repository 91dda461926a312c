/** Capture: plan, check, run, verify. The source is opened read-only and never written to. */
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { newTemplateRecord } from '../catalog/template-repository.ts';
import type { VersionRecord } from '../catalog/records.ts';
import type { CheckedParams } from '../contract/commands.ts';
import type { PlaceView } from '../contract/disk.contract.ts';
import type { CapturePlan } from '../contract/plan.contract.ts';
import type { JobResult } from '../contract/job.contract.ts';
import type { Check } from '../contract/warnings.ts';
import { NOTHING_RECORDED } from '../contract/template.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { openSource } from './open-source.ts';
import { checkSource } from './source-checks.ts';
import { WINDOW_BYTES } from '../store/chunking.ts';
import { lockWriter } from '../store/locks.ts';
import { PressPool } from '../store/press-pool.ts';
import { StoreWriter } from '../store/store-writer.ts';
import { auditFrames } from './audit-frames.ts';
import { freeBytes } from './free-bytes.ts';
import { inspectDisk } from './disk-inspection.ts';
import type { EngineParts } from './engine-parts.ts';
import { removeDoomedManifests, removeLeftovers } from './leftovers.ts';
import type { ManifestJson } from './manifest-json.ts';
import { regionsOf, usedWindows, type UsedWindow } from './regions.ts';
import { Tasks } from './tasks.ts';
import { writeTemplateRecord } from './template-record-file.ts';

export type CaptureRequest = CheckedParams<'capture.plan'>;

/** Runs of a window that lie this close are read in one go: a seek costs more. */
const READ_GAP_BYTES = 128 * 1024;

/**
 * Looks at the source and says what a capture would do.
 * @throws EngineError `SOURCE_NOT_FOUND`, `PERMISSION_DENIED`, `READ_FAILED`, `FORMAT_INVALID` for an empty file
 */
export async function planCapture(
  parts: EngineParts,
  request: CaptureRequest,
  expiresAt: string,
  signal: AbortSignal,
): Promise<CapturePlan> {
  const { source, place } = await openSource(parts.machine, request.source);
  try {
    if (place.lengthBytes === 0)
      throw new EngineError('FORMAT_INVALID', { path: place.path, field: 'length', value: '0' });
    const disk = await inspectDisk(source, signal);
    const existing = parts.templates.findByName(request.name);
    const catalogFreeBytes = await freeBytes(parts.layout.root);
    const checks: Check[] = [
      ...(await checkSource(parts.machine, place, parts.layout.root)),
      ...refusedVolumes(disk.view.volumes),
      spaceCheck(disk.view.usedBytes, catalogFreeBytes),
    ];
    return {
      planId: randomUUID(),
      expiresAt,
      source: place,
      disk: disk.view,
      name: request.name,
      kind: existing?.kind ?? request.kind,
      versionNumber: existing ? parts.templates.nextVersionNumber(existing.id) : 1,
      readBytes: disk.view.usedBytes,
      catalogFreeBytes,
      checks,
      canRun: checks.every((check) => check.level !== 'block'),
    };
  } finally {
    await source.close();
  }
}

/** Volumes that cannot be captured right, because a part of them lies elsewhere. */
function refusedVolumes(volumes: CapturePlan['disk']['volumes']): Check[] {
  return volumes.flatMap((volume) =>
    volume.warnings
      .filter((warning) => warning.code === 'EXTERNAL_JOURNAL')
      .map((warning): Check => ({
        code: 'VOLUME_REFUSED',
        level: 'block',
        data: { volume: volume.number ?? 1, feature: 'external journal', ...warning.data },
      })),
  );
}

/** Nobody knows how far data shrinks: half is usual, so less than half warns, and only nothing at all would be certain. */
function spaceCheck(usedBytes: number, catalogFreeBytes: number): Check {
  const data = { usedBytes, freeBytes: catalogFreeBytes };
  return usedBytes / 2 > catalogFreeBytes
    ? { code: 'CATALOG_SPACE_LOW', level: 'warn', data }
    : { code: 'CATALOG_SPACE', level: 'pass', data };
}

/** Carries out a plan. Whatever ends it early leaves the catalog as it was. */
export async function runCapture(
  parts: EngineParts,
  plan: CapturePlan,
  request: CaptureRequest,
  context: JobContext,
): Promise<JobResult> {
  const lock = lockWriter(parts.layout, `capture ${plan.name}`);
  let toClose: BlockSource | null = null;
  const pool = new PressPool(parts.pressUrl, context.signal);
  try {
    context.phase('inspecting', 0);
    await removeLeftovers(parts);
    const opened = await openSource(parts.machine, request.source);
    const source = opened.source;
    toClose = source;
    checkSamePlace(plan.source, opened.place);
    const blocked = (await checkSource(parts.machine, opened.place, parts.layout.root)).find(
      (check) => check.level === 'block',
    );
    if (blocked) throw new EngineError('PLAN_BLOCKED', { ...blocked.data, check: blocked.code });
    const modified = await modifiedAt(opened.place);
    const disk = await inspectDisk(source, context.signal);
    for (const warning of [...disk.view.warnings, ...disk.view.volumes.flatMap((volume) => volume.warnings)]) {
      context.warn(warning);
    }

    const versionId = randomUUID();
    const lastOldFrameId = parts.index.lastFrameId();
    const writer = await StoreWriter.create(parts.layout, parts.index, pool, versionId, request.level);
    let json!: ManifestJson;
    let verifiedBytes: number;
    try {
      context.phase('capturing', disk.view.usedBytes);
      await pressWindows(source, disk, pool, writer, context);
      if ((await modifiedAt(opened.place)) !== modified)
        throw new EngineError('SOURCE_CHANGED', { path: plan.source.path });
      context.signal.throwIfAborted();

      context.phase('publishing', 0);
      const createdAt = new Date().toISOString();
      const existing = parts.templates.findByName(plan.name);
      const template = existing
        ? { ...parts.templates.record(existing.id), updatedAt: createdAt }
        : newTemplateRecord(
            { name: request.name, note: request.note, tags: request.tags, kind: request.kind },
            createdAt,
          );
      parts.templates.expectManifest(versionId);
      await writer.finish((known) => {
        const version: VersionRecord = {
          number: existing ? parts.templates.nextVersionNumber(existing.id) : 1,
          createdAt,
          source: plan.source,
          disk: disk.view,
          warnings: [...disk.view.warnings, ...disk.view.volumes.flatMap((volume) => volume.warnings)],
          damage: null,
          medium: 'disk',
          configuration: NOTHING_RECORDED,
          capacityBytes: disk.source.lengthBytes,
          usedBytes: disk.view.usedBytes,
          ...known,
        };
        json = { template, version, regions: regionsOf(disk) };
        return json;
      });
      verifiedBytes = await auditFrames(pool, parts.index.framesAfter(lastOldFrameId), context);
      parts.templates.addVersion(json.template, json.version, versionId);
    } catch (error) {
      await writer.discard();
      // where not even that is possible any more, the next writer does it
      await removeDoomedManifests(parts).catch(() => {});
      throw error;
    }

    const { template, version } = json;
    const isSelfContained = version.storedBytes === version.newBytes;
    if (isSelfContained) parts.templates.setHealth(versionId, 'verified', new Date().toISOString());
    await writeTemplateRecord(parts, template.id);
    parts.audit.add('template.captured', template.name, {
      templateId: template.id,
      version: version.number,
      source: plan.source.path,
      serial: plan.source.serial,
      newBytes: version.newBytes,
    });
    return {
      templateId: template.id,
      versionNumber: version.number,
      processedBytes: version.usedBytes,
      storedBytes: version.newBytes,
      verifiedBytes,
      readBack: 'none',
      damagedTemplates: [],
    };
  } finally {
    await pool.close();
    await toClose?.close();
    lock.release();
  }
}

async function pressWindows(
  source: BlockSource,
  disk: Awaited<ReturnType<typeof inspectDisk>>,
  pool: PressPool,
  writer: StoreWriter,
  context: JobContext,
): Promise<void> {
  const regions = regionsOf(disk);
  const tasks = new Tasks();
  let order = 0;
  let reading = 0;
  let pressing = 0;
  try {
    for await (const window of usedWindows(disk, context.signal)) {
      const memory = await pool.takeWindow();
      tasks.check();
      context.signal.throwIfAborted();
      context.slowest(writer.isBehind ? 'catalog' : reading > pressing ? 'source' : 'processor');
      const number = order++;
      tasks.start(async () => {
        try {
          reading++;
          await readWindow(source, regions[window.region].startBytes, window, Buffer.from(memory)).finally(
            () => reading--,
          );
          pressing++;
          await writer
            .add(number, window.region, window.window, memory, window.extents, window.unitBytes)
            .finally(() => pressing--);
          context.advance(window.extents.reduce((sum, value, i) => (i % 2 === 1 ? sum + value : sum), 0));
        } finally {
          pool.releaseWindow(memory);
        }
      });
    }
    await tasks.finish();
  } finally {
    await tasks.settle();
  }
}

/** Reads the used runs of a window to their places in memory; what lies between them in a read is not looked at again. */
async function readWindow(source: BlockSource, regionStart: number, used: UsedWindow, memory: Buffer): Promise<void> {
  const windowStart = regionStart + used.window * WINDOW_BYTES;
  const { extents } = used;
  for (let i = 0; i < extents.length;) {
    const start = extents[i];
    let end = start + extents[i + 1];
    for (i += 2; i < extents.length && extents[i] - end <= READ_GAP_BYTES; i += 2) end = extents[i] + extents[i + 1];
    await source.readInto(windowStart + start, memory.subarray(start, end));
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
