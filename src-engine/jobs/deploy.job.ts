/** Deploy: plan, check, run, read back. Nothing is written before the plan was made, shown, confirmed and checked again. */
import { randomUUID } from 'node:crypto';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname, basename, join } from 'node:path';
import type { FoundVersion } from '../catalog/template-repository.ts';
import type { CheckedParams } from '../contract/commands.ts';
import type { DiskView, PlaceView } from '../contract/disk.contract.ts';
import type { JobResult } from '../contract/job.contract.ts';
import type { DeployPlan } from '../contract/plan.contract.ts';
import type { Check } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import type { BlockSink } from '../disk/block-source.port.ts';
import { WINDOW_BYTES } from '../store/chunking.ts';
import { syncFolder } from '../store/durable.ts';
import { lockReader } from '../store/locks.ts';
import { ManifestReader } from '../store/manifest-reader.ts';
import type { WindowRecord } from '../store/manifest-format.ts';
import { PressPool } from '../store/press-pool.ts';
import type { ChunkPlace } from '../store/press.ts';
import type { Relocation } from '../volumes/layout.port.ts';
import { relocateTables } from '../volumes/relocate-tables.ts';
import { readLayout } from '../volumes/read-layout.ts';
import type { Machine } from '../machines/machine.port.ts';
import { inspectDisk } from './disk-inspection.ts';
import type { EngineParts } from './engine-parts.ts';
import { FinishingBlocks } from './finishing-blocks.ts';
import { readManifestJson, type ManifestJson } from './manifest-json.ts';
import { naming } from './naming.ts';
import { openSource } from './open-source.ts';
import { describeTarget, openDeviceTarget, openFileTarget } from './open-target.ts';
import { checkTarget } from './target-checks.ts';
import { Tasks } from './tasks.ts';
import { templateSource } from './template-source.ts';
import { chunksOf } from './window-chunks.ts';

export type DeployRequest = CheckedParams<'deploy.plan'>;

/** Direct reads begin at multiples of this. */
const PAGE_BYTES = 4096;
/** Runs that lie this close are read back together. */
const READ_GAP_BYTES = 64 * 1024;

/**
 * Looks at the template and the target and says what a deploy would do.
 * @throws EngineError `TEMPLATE_NOT_FOUND`, `MANIFEST_DAMAGED`, `PACK_DAMAGED`, `PERMISSION_DENIED`
 */
export async function planDeploy(
  parts: EngineParts,
  request: DeployRequest,
  expiresAt: string,
  signal: AbortSignal,
): Promise<DeployPlan> {
  const found = parts.templates.find(request.template);
  const { template, version } = found;
  return withManifest(parts, found, async (manifest, json) => {
    const source = templateSource(parts.index, manifest, json);
    try {
      const { minimumBytes } = await readLayout(source);
      const target = await describeTarget(parts.machine, request.target, {
        lengthBytes: request.lengthBytes ?? Math.max(version.capacityBytes, minimumBytes),
        sectorBytes: version.disk.sectorBytes,
        physicalSectorBytes: version.disk.physicalSectorBytes,
      });
      const checks: Check[] = [
        template.status === 'active'
          ? { code: 'TEMPLATE_ACTIVE', level: 'pass', data: { template: template.name } }
          : { code: 'TEMPLATE_NOT_ACTIVE', level: 'block', data: { template: template.name, status: template.status } },
        version.health === 'damaged'
          ? { code: 'TEMPLATE_DAMAGED', level: 'block', data: { template: template.name } }
          : { code: 'TEMPLATE_HEALTHY', level: 'pass', data: { template: template.name } },
        target.place.lengthBytes < minimumBytes
          ? {
              code: 'TARGET_TOO_SMALL',
              level: 'block',
              data: { requiredBytes: minimumBytes, targetBytes: target.place.lengthBytes },
            }
          : {
              code: 'TARGET_LARGE_ENOUGH',
              level: 'pass',
              data: { requiredBytes: minimumBytes, targetBytes: target.place.lengthBytes },
            },
        target.place.sectorBytes === version.disk.sectorBytes
          ? { code: 'SECTOR_SIZE_EQUAL', level: 'pass', data: { sectorBytes: version.disk.sectorBytes } }
          : {
              code: 'SECTOR_SIZE_DIFFERS',
              level: 'block',
              data: { templateSectorBytes: version.disk.sectorBytes, targetSectorBytes: target.place.sectorBytes },
            },
        ...(await checkTarget(parts.machine, target, version.usedBytes, parts.layout.root)),
      ];
      return {
        planId: randomUUID(),
        expiresAt,
        templateId: template.id,
        templateName: template.name,
        versionNumber: version.number,
        target: target.place,
        before: target.exists ? await lookAt(parts.machine, request.target, signal) : null,
        after: afterDeploy(version.disk, target.place),
        writeBytes: version.usedBytes,
        checks,
        canRun: checks.every((check) => check.level !== 'block'),
        confirmWords: target.place.kind === 'device' ? confirmWords(target.place, request.target) : [],
        needsOverwrite: target.exists && target.place.kind === 'file',
      };
    } finally {
      await source.close();
    }
  });
}

/** The serial number or the path, as it was given or as it is. */
function confirmWords(place: PlaceView, asked: string): string[] {
  return [...new Set([place.serial, place.path, asked].filter((word) => word !== ''))];
}

/**
 * What a target holds now, for the words of the confirmation; what a capture would have to warn about is not asked here.
 * A target may be anything, even unreadable in places: not knowing what it holds is no reason against writing it.
 */
async function lookAt(machine: Machine, path: string, signal: AbortSignal): Promise<DiskView | null> {
  const opened = await openSource(machine, path).catch(() => null);
  if (!opened) return null;
  try {
    return withoutWarnings((await inspectDisk(opened.source, signal)).view);
  } catch (error) {
    if (signal.aborted) throw error;
    return null;
  } finally {
    await opened.source.close();
  }
}

function withoutWarnings(disk: DiskView): DiskView {
  return { ...disk, warnings: [], volumes: disk.volumes.map((volume) => ({ ...volume, warnings: [] })) };
}

function afterDeploy(disk: DiskView, place: PlaceView): DiskView {
  const { lengthBytes, physicalSectorBytes } = place;
  return { ...withoutWarnings(disk), lengthBytes, physicalSectorBytes };
}

/**
 * Carries out a confirmed plan. A file gets its name when it is whole, read back and synced; a device has no partition table
 * until then.
 * @throws EngineError `DEVICE_CHANGED`, `PLAN_BLOCKED`, `VERIFY_MISMATCH`, `PACK_DAMAGED` and others with the template's name
 */
export async function runDeploy(parts: EngineParts, plan: DeployPlan, context: JobContext): Promise<JobResult> {
  const found = parts.templates.find(`${plan.templateId}@${plan.versionNumber}`);
  const lock = lockReader(parts.layout);
  const pool = new PressPool(parts.pressUrl);
  parts.index.forgetFrames();
  try {
    return await withManifest(parts, found, (manifest, json) =>
      deployManifest(parts, plan, manifest, json, pool, context),
    );
  } finally {
    await pool.close();
    lock.release();
  }
}

async function deployManifest(
  parts: EngineParts,
  plan: DeployPlan,
  manifest: ManifestReader,
  json: ManifestJson,
  pool: PressPool,
  context: JobContext,
): Promise<JobResult> {
  context.phase('inspecting', 0);
  if (plan.target.kind === 'file') await checkFileAgain(parts, plan, json.version.usedBytes);
  const source = templateSource(parts.index, manifest, json);
  const relocation = await relocateTables(source, plan.target.lengthBytes).finally(() => source.close());
  const partial =
    plan.target.kind === 'file'
      ? join(dirname(plan.target.path), `.${basename(plan.target.path)}.${plan.planId.slice(0, 8)}.partial`)
      : plan.target.path;
  const sink = await (plan.target.kind === 'file'
    ? openFileTarget(plan.target, partial)
    : openDeviceTarget(parts.machine, plan.target, parts.layout.root));
  let isDone = false;
  try {
    const verifiedBytes = await writeAll(parts, json, manifest, relocation, sink, pool, context);
    if (sink.readBack === 'cached') context.warn({ code: 'READ_BACK_CACHED', data: { path: plan.target.path } });
    await sink.close();
    if (plan.target.kind === 'file') {
      if (!plan.needsOverwrite && (await exists(plan.target.path))) {
        throw new EngineError('OVERWRITE_REQUIRED', { path: plan.target.path });
      }
      await rename(partial, plan.target.path);
      await syncFolder(dirname(plan.target.path));
    }
    isDone = true;
    parts.audit.add('template.deployed', plan.templateName, {
      version: plan.versionNumber,
      target: plan.target.path,
      serial: plan.target.serial,
      verifiedBytes,
    });
    return {
      templateId: plan.templateId,
      versionNumber: plan.versionNumber,
      processedBytes: json.version.usedBytes,
      storedBytes: 0,
      verifiedBytes,
      readBack: sink.readBack,
      damagedTemplates: [],
    };
  } finally {
    if (!isDone) {
      await sink.close().catch(() => {});
      if (plan.target.kind === 'file') await rm(partial, { force: true });
    }
  }
}

/**
 * The order of writes: what makes a disk look finished is cleared first; then every used block, each read back past the page
 * cache and compared with its chunk's name; last the first sectors and the tables, read back too.
 * @returns bytes read back and found equal
 */
async function writeAll(
  parts: EngineParts,
  json: ManifestJson,
  manifest: ManifestReader,
  relocation: Relocation,
  sink: BlockSink,
  pool: PressPool,
  context: JobContext,
): Promise<number> {
  const finishing = new FinishingBlocks(relocation);
  if (!sink.isEmpty) await finishing.clear(sink);

  context.phase('writing', json.version.usedBytes);
  const tasks = new Tasks();
  let verifiedBytes = 0;
  let unpacking = 0;
  let writing = 0;
  try {
    for await (const record of manifest.records()) {
      const region = json.regions[record.region];
      const endBytes = record.window * WINDOW_BYTES + record.extents.at(-2)! + record.extents.at(-1)!;
      if (!region || endBytes > region.lengthBytes)
        throw new EngineError('MANIFEST_DAMAGED', { path: '', reason: 'region' });
      const memory = await pool.takeWindow();
      tasks.check();
      context.signal.throwIfAborted();
      context.slowest(writing >= unpacking ? 'target' : 'processor');
      tasks.start(async () => {
        try {
          const start = region.startBytes + record.window * WINDOW_BYTES;
          const chunks = chunksOf(parts.index, record);
          const thread = pool.pickThread();
          // direct reads begin on a page of the disk: the window is laid into memory at the same distance from one
          const base = start % PAGE_BYTES;
          const window = Buffer.from(memory, base);
          unpacking++;
          await pool.request(thread, { kind: 'expand', memory, base, chunks }).finally(() => unpacking--);
          const isHeld = finishing.touches(start);
          if (isHeld) finishing.hold(start, record, window);
          else {
            writing++;
            await writeAndReadBack(sink, start, base, record, chunks, Buffer.from(memory)).finally(() => writing--);
          }
          const { firstBadOffset } = await pool.request(thread, { kind: 'compare', memory, base, chunks });
          if (firstBadOffset >= 0) throw new EngineError('VERIFY_MISMATCH', { offsetBytes: start + firstBadOffset });
          const bytes = record.lengths.reduce((sum, length) => sum + length, 0);
          if (!isHeld) verifiedBytes += bytes;
          context.advance(bytes);
        } finally {
          pool.releaseWindow(memory);
        }
      });
    }
    await tasks.finish();
  } finally {
    await tasks.settle();
  }

  context.phase('finishing', 0);
  await sink.sync();
  verifiedBytes += await finishing.write(sink);
  return verifiedBytes;
}

type Runs = readonly (readonly [start: number, length: number])[];

/** Writes a window's used bytes, then reads the pages that hold them back over the memory that they came from. */
async function writeAndReadBack(
  sink: BlockSink,
  windowStart: number,
  base: number,
  record: WindowRecord,
  chunks: readonly ChunkPlace[],
  memory: Buffer,
): Promise<void> {
  const runs = pairs(record.extents);
  for (const [start, length] of sink.isEmpty ? withoutZeros(chunks, runs) : runs) {
    await sink.write(windowStart + start, memory.subarray(base + start, base + start + length));
  }
  for (let i = 0; i < runs.length;) {
    const from = Math.floor((base + runs[i][0]) / PAGE_BYTES) * PAGE_BYTES;
    let to = from;
    // pages of neighbouring runs are read together
    for (; i < runs.length && base + runs[i][0] <= to + READ_GAP_BYTES; i++) {
      to = Math.ceil((base + runs[i][0] + runs[i][1]) / PAGE_BYTES) * PAGE_BYTES;
    }
    // nothing of what was written may be left to be found equal
    memory.fill(0xa5, from, to);
    await sink.readBackInto(windowStart - base + from, memory.subarray(from, to));
  }
}

/** Runs less the pieces that are zeros: a new sparse file reads as zeros there already. Both ascend. */
function withoutZeros(chunks: readonly ChunkPlace[], runs: Runs): Runs {
  const holes = chunks.filter((chunk) => chunk.frame === null).flatMap((chunk) => pairs(chunk.pieces));
  const left: [number, number][] = [];
  let h = 0;
  for (const [start, length] of runs) {
    const end = start + length;
    let at = start;
    while (h < holes.length && holes[h][0] + holes[h][1] <= at) h++;
    for (let k = h; k < holes.length && holes[k][0] < end; k++) {
      if (holes[k][0] > at) left.push([at, holes[k][0] - at]);
      at = Math.max(at, holes[k][0] + holes[k][1]);
    }
    if (at < end) left.push([at, end - at]);
  }
  return left;
}

function pairs(flat: ArrayLike<number>): [number, number][] {
  const list: [number, number][] = [];
  for (let p = 0; p < flat.length; p += 2) list.push([flat[p], flat[p + 1]]);
  return list;
}

async function withManifest<T>(
  parts: EngineParts,
  found: FoundVersion,
  work: (manifest: ManifestReader, json: ManifestJson) => Promise<T>,
): Promise<T> {
  return naming(found.template.name, async () => {
    const manifest = await ManifestReader.open(parts.layout, found.manifest);
    try {
      return await work(manifest, readManifestJson(manifest, found.manifest));
    } finally {
      await manifest.close();
    }
  });
}

/** A file that became somebody else's matter since the plan was made is left alone. Devices are checked when they are opened. */
async function checkFileAgain(parts: EngineParts, plan: DeployPlan, usedBytes: number): Promise<void> {
  const target = { place: plan.target, exists: await exists(plan.target.path) };
  if (target.exists && !plan.needsOverwrite) throw new EngineError('OVERWRITE_REQUIRED', { path: plan.target.path });
  const checks = await checkTarget(parts.machine, target, usedBytes, parts.layout.root);
  const blocked = checks.find((check) => check.level === 'block');
  if (blocked) throw new EngineError('PLAN_BLOCKED', { ...blocked.data, check: blocked.code });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
