/** From disks to a version in the catalog: windows to chunks, manifests, verification, and only then the row that makes it exist. */
import { randomUUID } from 'node:crypto';
import { newTemplateRecord } from '../catalog/template-repository.ts';
import { type DiskRecord, type TemplateRecord, type VersionRecord } from '../catalog/records/index.ts';
import type { PlaceView } from '../contract/disk.contract.ts';
import type { JobResult } from '../contract/job.contract.ts';
import type { RecordedConfiguration, TemplateView } from '../contract/template.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import type { JobContext } from '../core/job-context.ts';
import { numberOf, ofDisk, toldOf } from '../core/of-disk.ts';
import { WINDOW_BYTES } from '../store/chunking.ts';
import { ManifestReader } from '../store/manifest-reader.ts';
import type { Presses, PressPool } from '../store/press-pool.ts';
import { StoreWriter } from '../store/store-writer.ts';
import type { DiskAccount } from '../inspection/account/account.ts';
import { keptOfHole, keptRuns } from './kept-runs.ts';
import { DataCursor } from './data-cursor.ts';
import { partsOf, type EarlierDisk } from './earlier-disk.ts';
import { PackProofs } from './pack-proofs.ts';
import { damageOf } from './damaged-files.ts';
import { warningsOf, type InspectedDisk } from '../inspection/disk-inspection.ts';
import type { StoredParts } from '../versions/stored-parts.ts';
import { removeOwnManifests } from '../versions/leftovers.ts';
import { manifestJson, type ManifestJson } from '../versions/manifest-json.ts';
import { readWindow } from './read-window.ts';
import { regionsOf, usedWindows } from '../versions/regions.ts';
import { Tasks } from '../core/tasks.ts';
import { refuseOlderThanFile, writeTemplateRecord } from '../versions/template-record-file.ts';
import { filledSource, tellingOfFill, UnreadablePlaces } from '../inspection/unreadable.ts';
import { chunksOf } from '../versions/window-chunks.ts';

/** What a person has said of the template, and what is known of where it comes from. */
export interface AboutVersion
  extends
    Pick<TemplateView, 'name' | 'note' | 'tags' | 'kind' | 'licence' | 'policy'>,
    Pick<VersionRecord, 'medium' | 'guest' | 'machine' | 'platform' | 'moment' | 'tracked'>,
    Partial<Pick<VersionRecord, 'definition'>> {
  readonly configuration: RecordedConfiguration;
  /** beside those of the disks */
  readonly warnings: readonly Warning[];
  /** zstd level */
  readonly level: number;
  readonly onUnreadable: 'stop' | 'fill';
}

/** A disk that is to be stored, and what is known of its place in its machine. */
export interface DiskToStore extends Pick<DiskRecord, 'role' | 'bus' | 'address'> {
  readonly disk: InspectedDisk;
  /** what is taken of what lies outside of all that is known; says afterwards what was taken */
  readonly account: DiskAccount;
  readonly place: PlaceView;
  /** a version of it that needs not be read again; left out: all of it is read */
  readonly earlier?: EarlierDisk;
  /** the part of the job that it is; left out: the job itself */
  readonly context?: JobContext;
}

export interface StoringParts extends StoredParts {
  readonly presses: Presses;
}

export interface StoredVersion extends Pick<ManifestJson, 'template' | 'version'> {
  readonly result: JobResult;
  /** of each disk, in their order: what was read of it, also where it was zeros and is not kept */
  readonly readBytes: readonly number[];
}

/**
 * Whoever calls holds the writer's lock. Whatever ends it early leaves the catalog as it was.
 * @param disks in their order; never none
 * @param beforePublishing the last chance to find that a source is not what it was; nothing is read of any after it
 */
export async function storeDisks(
  parts: StoringParts,
  disks: readonly DiskToStore[],
  about: AboutVersion,
  context: JobContext,
  beforePublishing: () => Promise<void>,
): Promise<StoredVersion> {
  await refuseOlder(parts, about.name);
  const pool = parts.presses.forJob(context.signal);
  const names = disks.map(() => randomUUID());
  const timesSetAside = parts.index.timesSetAside;
  try {
    const writer = new StoreWriter(parts.layout, parts.index, pool, about.level);
    const proofs = new PackProofs(pool, (pack) => writer.framesOf(pack));
    writer.onPack = (pack) => proofs.add(pack);
    let template!: TemplateRecord;
    let version!: VersionRecord;
    let verifiedBytes: number;
    let takenOver: number[];
    try {
      const contexts = Map.groupBy(disks, (disk) => disk.context ?? context);
      for (const [part, own] of contexts) {
        part.phase(
          'capturing',
          own.reduce((sum, { account }) => sum + account.readBytes, 0),
        );
      }
      const unreadable = disks.map(() => new UnreadablePlaces());
      takenOver = disks.map(() => 0);
      let order = 0;
      for (const [i, one] of disks.entries()) {
        await writer.beginDisk(names[i]);
        one.account.begin();
        const press = async (places: UnreadablePlaces | null) => {
          const pressed = await pressWindows(one, places, order, pool, writer, one.context ?? context);
          order = pressed.order;
          takenOver[i] = pressed.takenOverBytes;
        };
        await ofDisk(numberOf(i, disks.length), () =>
          about.onUnreadable === 'fill' ? press(unreadable[i]) : tellingOfFill(() => press(null)),
        );
      }
      const damages = [];
      for (const [i, { disk }] of disks.entries())
        damages.push(await damageOf(disk.source, unreadable[i], context.signal));
      await beforePublishing();
      context.signal.throwIfAborted();

      context.phase('publishing', 0);
      const warnings = [...about.warnings];
      const records: DiskRecord[] = [];
      for (const [i, { account, place, role, bus, address }] of disks.entries()) {
        const damage = damages[i];
        const layout = account.view();
        const number = numberOf(i, disks.length);
        warnings.push(...warningsOf(layout).map((warning) => toldOf(number, warning)));
        if (damage) {
          const data = { lengthBytes: damage.lengthBytes, places: unreadable[i].extents.length };
          const warning: Warning = toldOf(number, { code: 'SECTORS_UNREADABLE', data });
          warnings.push(warning);
          context.warn(warning);
        }
        records.push({ manifest: names[i], role, bus, address, source: place, layout, damage });
      }
      const createdAt = new Date().toISOString();
      const existing = await refuseOlder(parts, about.name);
      const { name, note, tags, kind, licence, policy } = about;
      template = existing
        ? { ...parts.templates.record(existing.id), updatedAt: createdAt }
        : newTemplateRecord({ name, note, tags, kind, licence, policy }, createdAt);
      for (const name of names) parts.templates.expectManifest(name);
      await writer.finish((known) => {
        version = {
          number: existing ? parts.templates.nextVersionNumber(existing.id) : 1,
          createdAt,
          disks: records,
          warnings,
          medium: about.medium,
          configuration: about.configuration,
          guest: about.guest,
          machine: about.machine,
          definition: about.definition ?? null,
          platform: about.platform,
          ...(about.moment && { moment: about.moment }),
          ...(about.tracked && { tracked: about.tracked }),
          ...known,
          attachments: [],
        };
        return records.map((disk, i) => manifestJson({ template, version, disk, regions: regionsOf(disks[i].disk) }));
      });
      await proofs.finish(writer.addedBytes, context);
      verifiedBytes = writer.addedBytes;
      if (parts.index.timesSetAside !== timesSetAside) {
        for (const name of names) await refuseMissing(parts, name, context.signal);
      }
      parts.templates.addVersion(template, version);
      writer.keep();
    } catch (error) {
      await writer.discard();
      // where not even that is possible any more, the next writer does it
      await removeOwnManifests(parts, names).catch(() => {});
      throw error;
    }
    const isSelfContained = version.storedBytes === version.newBytes;
    if (isSelfContained) {
      const at = new Date().toISOString();
      for (const name of names) parts.templates.setHealth(name, 'verified', at);
    }
    await writeTemplateRecord(parts, template.id);
    const readBytes = disks.map(({ account }, i) => account.readBytes - takenOver[i]);
    const result: JobResult = {
      templateId: template.id,
      versionNumber: version.number,
      processedBytes: readBytes.reduce((sum, own) => sum + own, 0),
      storedBytes: version.newBytes,
      verifiedBytes,
      readBack: 'none',
      damagedTemplates: [],
    };
    return { template, version, result, readBytes };
  } finally {
    await pool.close();
  }
}

/**
 * Where a template grows, its file must say no more than its row does.
 * @returns the template of that name
 * @throws EngineError `CATALOG_TOO_NEW`, `CATALOG_DAMAGED`
 */
async function refuseOlder(parts: StoringParts, name: string): Promise<TemplateView | null> {
  const existing = parts.templates.findByName(name);
  if (existing) await refuseOlderThanFile(parts, existing.id);
  return existing;
}

/**
 * A verify that ran beside may have found a frame damaged after this capture had counted on what is in it.
 * @throws EngineError `CHUNK_MISSING`
 */
async function refuseMissing(parts: StoringParts, manifest: string, signal: AbortSignal): Promise<void> {
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

/**
 * @param unreadable where to write down what cannot be read; null: that ends it
 * @param order of the first window
 * @returns the order of the window that comes next, and how much was not read because an earlier version has it
 */
async function pressWindows(
  { disk, account, earlier }: DiskToStore,
  unreadable: UnreadablePlaces | null,
  order: number,
  pool: PressPool,
  writer: StoreWriter,
  context: JobContext,
): Promise<{ order: number; takenOverBytes: number }> {
  const source = unreadable ? filledSource(disk.source, unreadable, context.signal) : disk.source;
  const regions = regionsOf(disk);
  const data = new DataCursor(source, context.signal);
  const tasks = new Tasks();
  let reading = 0;
  let pressing = 0;
  let takenOverBytes = 0;
  try {
    for await (const window of usedWindows(disk, account, context.signal)) {
      const { extents } = window;
      const first = regions[window.region].startBytes + window.window * WINDOW_BYTES + extents[0];
      const spanBytes = extents[extents.length - 2] + extents[extents.length - 1] - extents[0];
      if (!(await data.hasData(first, spanBytes))) {
        // a hole is neither read nor hashed
        const runs = keptOfHole(window);
        if (runs.length > 0) await writer.addZeros(order++, window.region, window.window, runs);
        context.advance(lengthOf(extents));
        continue;
      }
      const { region, window: place, unitBytes, isOutside } = window;
      const all = keptOfHole(window);
      // what is kept of what lies outside is told by its content
      const known =
        earlier && !isOutside.includes(1)
          ? await partsOf(earlier, (chunks) => writer.takeKnown(chunks), regions[region], region, place, all)
          : null;
      const read = known?.flatMap((part) => ('runs' in part ? part.runs : [])) ?? null;
      for (const part of known ?? []) if ('hash' in part) takenOverBytes += part.lengthBytes;
      if (known && read?.length === 0) {
        await writer.addKnown(order++, region, place, null, all, known, unitBytes);
        context.advance(lengthOf(extents));
        continue;
      }
      const memory = await pool.takeWindow();
      tasks.check();
      context.signal.throwIfAborted();
      context.slowest(writer.isBehind ? 'catalog' : reading > pressing ? 'source' : 'processor');
      const number = order++;
      const { startBytes } = regions[region];
      tasks.start(async () => {
        try {
          reading++;
          const toRead = read ? { ...window, extents: Uint32Array.from(read) } : window;
          await readWindow(source, startBytes, toRead, Buffer.from(memory), context.signal).finally(() => reading--);
          const runs = known ? all : keptRuns(window, Buffer.from(memory), account);
          pressing++;
          const added = known
            ? writer.addKnown(number, region, place, memory, all, known, unitBytes)
            : runs.length === 0
              ? writer.skip(number)
              : writer.add(number, region, place, memory, runs, unitBytes);
          await added.finally(() => pressing--);
          context.advance(lengthOf(extents));
        } finally {
          pool.releaseWindow(memory);
        }
      });
    }
    await tasks.finish();
    return { order, takenOverBytes };
  } finally {
    await tasks.settle();
  }
}

/** Bytes of pairs (start, length). */
const lengthOf = (extents: Uint32Array): number =>
  extents.reduce((sum, value, i) => (i % 2 === 1 ? sum + value : sum), 0);
