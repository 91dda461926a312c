/** From a disk to a version in the catalog: windows to chunks, manifest, verification, and only then the row that makes it exist. */
import { randomUUID } from 'node:crypto';
import { newTemplateRecord } from '../catalog/template-repository.ts';
import type { VersionRecord } from '../catalog/records.ts';
import type { PlaceView } from '../contract/disk.contract.ts';
import type { JobResult } from '../contract/job.contract.ts';
import type { RecordedConfiguration, TemplateView } from '../contract/template.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import type { JobContext } from '../core/job-context.ts';
import { WINDOW_BYTES } from '../store/chunking.ts';
import { ManifestReader } from '../store/manifest-reader.ts';
import type { PressPool } from '../store/press-pool.ts';
import { StoreWriter } from '../store/store-writer.ts';
import type { DiskAccount } from './account/account.ts';
import { keptOfHole, keptRuns } from './account/kept-runs.ts';
import { auditFrames } from './audit-frames.ts';
import { DataCursor } from './data-cursor.ts';
import { damageOf } from './damaged-files.ts';
import { warningsOf, type InspectedDisk } from './disk-inspection.ts';
import type { EngineParts } from './engine-parts.ts';
import { removeOwnManifest } from './leftovers.ts';
import type { ManifestJson } from './manifest-json.ts';
import { readWindow } from './read-window.ts';
import { regionsOf, usedWindows } from './regions.ts';
import { Tasks } from './tasks.ts';
import { writeTemplateRecord } from './template-record-file.ts';
import { filledSource, tellingOfFill, UnreadablePlaces } from './unreadable.ts';
import { chunksOf } from './window-chunks.ts';

/** What a person has said of the template, and what is known of where it comes from. */
export interface AboutVersion
  extends
    Pick<TemplateView, 'name' | 'note' | 'tags' | 'kind' | 'licence' | 'policy'>,
    Pick<VersionRecord, 'medium' | 'guest' | 'machine' | 'platform'> {
  readonly place: PlaceView;
  readonly configuration: RecordedConfiguration;
  /** beside those of the disk */
  readonly warnings: readonly Warning[];
  /** zstd level */
  readonly level: number;
  readonly onUnreadable: 'stop' | 'fill';
}

export interface StoredVersion extends Pick<ManifestJson, 'template' | 'version'> {
  readonly result: JobResult;
}

/**
 * Whoever calls holds the writer's lock. Whatever ends it early leaves the catalog as it was.
 * @param account what is taken of what lies outside of all that is known; says afterwards what was taken
 * @param beforePublishing the last chance to find that the source is not what it was
 */
export async function storeDisk(
  parts: EngineParts,
  disk: InspectedDisk,
  account: DiskAccount,
  about: AboutVersion,
  context: JobContext,
  beforePublishing: () => Promise<void>,
): Promise<StoredVersion> {
  const pool = parts.presses.forJob(context.signal);
  const versionId = randomUUID();
  const timesSetAside = parts.index.timesSetAside;
  const unreadable = new UnreadablePlaces();
  try {
    const writer = await StoreWriter.create(parts.layout, parts.index, pool, versionId, about.level);
    let json!: ManifestJson;
    let verifiedBytes: number;
    try {
      context.phase('capturing', account.readBytes);
      account.begin();
      const press = (places: UnreadablePlaces | null) => pressWindows(disk, account, places, pool, writer, context);
      await (about.onUnreadable === 'fill' ? press(unreadable) : tellingOfFill(() => press(null)));
      await beforePublishing();
      context.signal.throwIfAborted();

      context.phase('publishing', 0);
      const damage = await damageOf(disk.source, unreadable, context.signal);
      const view = account.view();
      const warnings = [...about.warnings, ...warningsOf(view)];
      if (damage) {
        const warning: Warning = {
          code: 'SECTORS_UNREADABLE',
          data: { lengthBytes: damage.lengthBytes, places: unreadable.extents.length },
        };
        warnings.push(warning);
        context.warn(warning);
      }
      const createdAt = new Date().toISOString();
      const existing = parts.templates.findByName(about.name);
      const { name, note, tags, kind, licence, policy } = about;
      const template = existing
        ? { ...parts.templates.record(existing.id), updatedAt: createdAt }
        : newTemplateRecord({ name, note, tags, kind, licence, policy }, createdAt);
      parts.templates.expectManifest(versionId);
      await writer.finish((known) => {
        const version: VersionRecord = {
          number: existing ? parts.templates.nextVersionNumber(existing.id) : 1,
          createdAt,
          source: about.place,
          disk: view,
          warnings,
          damage,
          medium: about.medium,
          configuration: about.configuration,
          guest: about.guest,
          machine: about.machine,
          platform: about.platform,
          capacityBytes: disk.source.lengthBytes,
          usedBytes: view.usedBytes,
          ...known,
        };
        json = { template, version, regions: regionsOf(disk) };
        return json;
      });
      verifiedBytes = await auditFrames(pool, parts.index, [...writer.addedFrames()], context);
      if (parts.index.timesSetAside !== timesSetAside) await refuseMissing(parts, versionId, context.signal);
      parts.templates.addVersion(json.template, json.version, versionId);
      writer.keep();
    } catch (error) {
      await writer.discard();
      // where not even that is possible any more, the next writer does it
      await removeOwnManifest(parts, versionId).catch(() => {});
      throw error;
    }
    const { template, version } = json;
    const isSelfContained = version.storedBytes === version.newBytes;
    if (isSelfContained) parts.templates.setHealth(versionId, 'verified', new Date().toISOString());
    await writeTemplateRecord(parts, template.id);
    const result: JobResult = {
      templateId: template.id,
      versionNumber: version.number,
      processedBytes: version.usedBytes,
      storedBytes: version.newBytes,
      verifiedBytes,
      readBack: 'none',
      damagedTemplates: [],
    };
    return { template, version, result };
  } finally {
    await pool.close();
  }
}

/**
 * A verify that ran beside may have found a frame damaged after this capture had counted on what is in it.
 * @throws EngineError `CHUNK_MISSING`
 */
async function refuseMissing(parts: EngineParts, manifest: string, signal: AbortSignal): Promise<void> {
  const reader = await ManifestReader.open(parts.layout, manifest);
  try {
    for await (const record of reader.records()) {
      signal.throwIfAborted();
      chunksOf(parts.index, record);
    }
  } finally {
    await reader.close();
  }
}

/** @param unreadable where to write down what cannot be read; null: that ends it */
async function pressWindows(
  disk: InspectedDisk,
  account: DiskAccount,
  unreadable: UnreadablePlaces | null,
  pool: PressPool,
  writer: StoreWriter,
  context: JobContext,
): Promise<void> {
  const source = unreadable ? filledSource(disk.source, unreadable, context.signal) : disk.source;
  const regions = regionsOf(disk);
  const data = new DataCursor(source, context.signal);
  const tasks = new Tasks();
  let order = 0;
  let reading = 0;
  let pressing = 0;
  try {
    for await (const window of usedWindows(disk, account, context.signal)) {
      const { extents } = window;
      const first = regions[window.region].startBytes + window.window * WINDOW_BYTES + extents[0];
      const spanBytes = extents[extents.length - 2] + extents[extents.length - 1] - extents[0];
      if (!(await data.hasData(first, spanBytes))) {
        // a hole is neither read nor hashed
        const runs = keptOfHole(window);
        if (runs.length > 0) await writer.addZeros(order++, window.region, window.window, runs);
        context.advance(extents.reduce((sum, value, i) => (i % 2 === 1 ? sum + value : sum), 0));
        continue;
      }
      const memory = await pool.takeWindow();
      tasks.check();
      context.signal.throwIfAborted();
      context.slowest(writer.isBehind ? 'catalog' : reading > pressing ? 'source' : 'processor');
      const number = order++;
      const { startBytes } = regions[window.region];
      tasks.start(async () => {
        try {
          reading++;
          await readWindow(source, startBytes, window, Buffer.from(memory), context.signal).finally(() => reading--);
          const runs = keptRuns(window, Buffer.from(memory), account);
          pressing++;
          await (
            runs.length === 0
              ? writer.skip(number)
              : writer.add(number, window.region, window.window, memory, runs, window.unitBytes)
          ).finally(() => pressing--);
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
