/** Identifiers that a target will have, and that another disk has which is attached here: systems tell disks apart by them, and mount the wrong one. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { IdentifierChange } from '../../contract/deploy.contract.ts';
import type { PlaceView } from '../../contract/disk.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readDiskIds } from '../../identifiers/disk-ids.ts';
import { openSource } from '../../images/open-source.ts';
import type { Machine } from '../../machines/machine.port.ts';

/** A disk that answers no faster than this is not waited for. */
const DEADLINE_MS = 10_000;
const MAX_SHOWN = 8;

/**
 * A warning for each disk; none for a file, which nobody takes for a disk before it is attached.
 * @param template what goes to the target @param identifiers that become others on the way
 * @throws EngineError `READ_FAILED` of the template; whatever other disks say is no error
 */
export async function attachedIdChecks(
  machine: Machine,
  template: BlockSource,
  target: PlaceView,
  identifiers: readonly IdentifierChange[],
  catalogRoot: string,
  signal: AbortSignal,
): Promise<Check[]> {
  if (target.kind !== 'device') return [];
  const gone = new Set(identifiers.map(({ before }) => before.toLowerCase()));
  const { ids } = await readDiskIds(template);
  const coming = new Set(ids.map(({ before }) => before.toLowerCase()).filter((id) => !gone.has(id)));
  if (coming.size === 0) return [];
  const own = await machine.bytesAt(target.path);
  const checks: Check[] = [];
  for (const { path } of await machine.listDevices(catalogRoot)) {
    signal.throwIfAborted();
    const isOwn = path === target.path || (await machine.bytesAt(path)).some((name) => own.includes(name));
    if (isOwn) continue;
    const there = await Promise.race([idsOf(machine, path, signal), sleep(DEADLINE_MS, [], { ref: false })]);
    const same = there.filter((id) => coming.has(id.toLowerCase()));
    if (same.length === 0) continue;
    const data = { path, ids: same.slice(0, MAX_SHOWN), count: same.length };
    checks.push({ code: 'IDS_ATTACHED', level: 'warn', data });
  }
  return checks;
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
