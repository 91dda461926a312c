/** Identifiers that a target will have, and that another disk has which is attached here: systems tell disks apart by them, and mount the wrong one. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { IdentifierChange } from '../../contract/deploy.contract.ts';
import type { DeviceView, PlaceView } from '../../contract/disk.contract.ts';
import type { DeployPlan } from '../../contract/plan.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readDiskIds } from '../../identifiers/disk-ids.ts';
import { openSource } from '../../images/open-source.ts';
import type { Machine } from '../../machines/machine.port.ts';

/** A disk that answers no faster than this is not waited for. */
const DEADLINE_MS = 10_000;
const MAX_SHOWN = 8;

interface AttachedDisk {
  readonly path: string;
  readonly ids: readonly string[];
}

/** What each attached disk was found to have, as long as the kernel has counted no write to it. */
export class KnownIds {
  readonly #known = new Map<string, { readonly mark: string; readonly ids: readonly string[] }>();

  /** @returns none where it cannot be read, or not in time */
  async of(machine: Machine, disk: DeviceView, signal: AbortSignal): Promise<readonly string[]> {
    const { path, identity, lengthBytes } = disk;
    const mark = JSON.stringify([identity, lengthBytes, await machine.writesTo(disk)]);
    const known = this.#known.get(path);
    if (known?.mark === mark) return known.ids;
    const ids = await Promise.race([idsOf(machine, path, signal), sleep(DEADLINE_MS, null, { ref: false })]);
    if (ids) this.#known.set(path, { mark, ids });
    return ids ?? [];
  }
}

/** Attached disks for one request, which may have many targets: they are listed once. */
export class AttachedIds {
  readonly #machine: Machine;
  readonly #catalogRoot: string;
  readonly #known: KnownIds;
  /** as they were named */
  readonly #targets: readonly string[];
  #others: Promise<readonly AttachedDisk[]> | null = null;
  /** what each target will have */
  readonly #coming = new Map<string, ReadonlySet<string>>();

  constructor(machine: Machine, catalogRoot: string, known: KnownIds, targets: readonly string[]) {
    this.#machine = machine;
    this.#catalogRoot = catalogRoot;
    this.#known = known;
    this.#targets = targets;
  }

  /**
   * A warning for each disk that is none of the request's targets; none for a file, which nobody takes for a disk before it is attached.
   * @param template what goes to the target @param identifiers that become others on the way
   * @throws EngineError `READ_FAILED` of the template; whatever other disks say is no error
   */
  async checksFor(
    template: BlockSource,
    target: PlaceView,
    identifiers: readonly IdentifierChange[],
    signal: AbortSignal,
  ): Promise<Check[]> {
    if (target.kind !== 'device') return [];
    const gone = new Set(identifiers.map(({ before }) => before.toLowerCase()));
    const { ids } = await readDiskIds(template);
    const coming = new Set(ids.map(({ before }) => before.toLowerCase()).filter((id) => !gone.has(id)));
    this.#coming.set(target.path, coming);
    if (coming.size === 0) return [];
    this.#others ??= this.#readOthers(signal);
    return (await this.#others).flatMap(({ path, ids: there }): Check[] => {
      const same = there.filter((id) => coming.has(id.toLowerCase()));
      const data = { path, ids: same.slice(0, MAX_SHOWN), count: same.length };
      return same.length > 0 ? [{ code: 'IDS_ATTACHED', level: 'warn', data }] : [];
    });
  }

  /** What targets of the request will have in common: told once, by the first plan of those that share it. */
  withShared(plans: readonly DeployPlan[]): DeployPlan[] {
    const pathsById = new Map<string, string[]>();
    for (const [path, coming] of this.#coming) {
      for (const id of coming) pathsById.set(id, [...(pathsById.get(id) ?? []), path]);
    }
    const groups = new Map<string, { readonly paths: readonly string[]; readonly ids: string[] }>();
    for (const [id, paths] of pathsById) {
      if (paths.length < 2) continue;
      const key = paths.join('\n');
      groups.set(key, { paths, ids: [...(groups.get(key)?.ids ?? []), id] });
    }
    return plans.map((plan) => {
      const own = [...groups.values()].filter(({ paths }) => paths[0] === plan.target.path);
      const checks = own.map(({ paths, ids }): Check => {
        const data = { targets: paths.slice(0, MAX_SHOWN), count: paths.length, ids: ids.slice(0, MAX_SHOWN) };
        return { code: 'IDS_SHARED', level: 'warn', data };
      });
      return { ...plan, checks: [...plan.checks, ...checks] };
    });
  }

  async #readOthers(signal: AbortSignal): Promise<AttachedDisk[]> {
    const targets = await Promise.all(this.#targets.map((target) => this.#machine.bytesAt(target)));
    const own = new Set(targets.flat());
    const others: AttachedDisk[] = [];
    for (const disk of await this.#machine.listDevices(this.#catalogRoot)) {
      signal.throwIfAborted();
      const names = await this.#machine.bytesAt(disk.path);
      // what it has now is gone afterwards
      if (names.some((name) => own.has(name))) continue;
      others.push({ path: disk.path, ids: await this.#known.of(this.#machine, disk, signal) });
    }
    return others;
  }
}

/** @returns none where it cannot be read */
async function idsOf(machine: Machine, path: string, signal: AbortSignal): Promise<string[]> {
  const opened = await openSource(machine, path, 'raw', signal).catch(() => null);
  if (!opened) return [];
  try {
    const { ids } = await readDiskIds(opened.source);
    return ids.map(({ before }) => before);
  } catch {
    return [];
  } finally {
    await opened.source.close();
  }
}
