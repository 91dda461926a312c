/**
 * A target that is the template itself, served, with an overlay of QEMU over it: nothing is copied, and only what is other than in the
 * template comes to lie in the file. Stages work on it as on a disk that was filled.
 */
import { constants } from 'node:fs';
import { chmod, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Check } from '../../contract/warnings.ts';
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import { EngineError, ioError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { PartialOutput } from '../../core/partial-output.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { createFileSink } from '../../formats/raw/file-sink.ts';
import { isRelaying, makeRelayFolder, RELAYED_NAME, relayFolderOf, VIEW_NAME } from '../../machines/qemu/disk-relay.ts';
import { makeOverlay, viewOverlay } from '../../machines/qemu/overlay-view.ts';
import { serveNbd } from '../../nbd/server.ts';
import type { FoundDisk } from '../../versions/found-disk.ts';
import { openStoredDisk } from '../../versions/open-stored-disk.ts';
import type { StoredParts } from '../../versions/stored-parts.ts';
import { withoutExtents } from '../../volumes/extents.ts';
import type { DeployRecord } from '../plan-records.ts';
import type { Deployment } from './deployment.ts';
import { Filler } from './filler.ts';
import type { Naming, Target } from './open-target.ts';
import { extentOf } from './overlay.ts';
import type { Placement } from './place.ts';
import { isInPlace } from './plan-volumes.ts';

/** What stat(2) counts in. */
const STAT_BLOCK_BYTES = 512;
/** A zero at a time. */
const ZEROS_BYTES = 1024 * 1024;

/** What is served cannot move: every volume has to lie where it lies in the template, and not to become shorter. */
export function servedChecks(
  { kind, path }: { readonly kind: string; readonly path: string },
  exists: boolean,
  volumes: readonly VolumePlan[],
): Check[] {
  const moved = volumes.find(
    (volume) =>
      !isInPlace(volume) || volume.startBytes !== volume.beforeStartBytes || volume.lengthBytes < volume.beforeBytes,
  );
  if (kind !== 'file' || exists || process.platform !== 'linux')
    return [{ code: 'SERVED_NEEDS_NEW_FILE', level: 'block', data: { path } }];
  return moved ? [{ code: 'SERVED_CANNOT_MOVE', level: 'block', data: { volume: moved.volume } }] : [];
}

/** Of a placement, what is to be written over what is served: changes, and zeros where the template has what is not to be seen. */
export function placementOnServed(placement: Placement): Placement {
  const { changes, leftOut } = placement;
  const zeros = withoutExtents(leftOut, changes.map(extentOf)).flatMap(zerosOver);
  return { ...placement, changes: [...changes, ...zeros], leftOut: [], finishing: [] };
}

/** Fill: what is served is there already, and only what is other is written. */
export async function writeOver(deployment: Deployment, context: JobContext): Promise<void> {
  context.phase('writing', 0);
  deployment.feed.end();
  await new Filler(deployment, context).writeRest();
}

function zerosOver({ startBytes, lengthBytes }: Extent) {
  const pieces = [];
  for (let at = 0; at < lengthBytes; at += ZEROS_BYTES) {
    const bytes = new Uint8Array(Math.min(ZEROS_BYTES, lengthBytes - at));
    pieces.push({ offsetBytes: startBytes + at, bytes });
  }
  return pieces;
}

/**
 * Serves the template for as long as the target is open, and makes the overlay under a temporary name.
 * @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`, `WRITE_FAILED`, `OVERWRITE_REQUIRED`, `MANIFEST_DAMAGED`
 */
export async function openServedTarget(
  parts: StoredParts,
  plan: Pick<DeployRecord, 'planId' | 'target'>,
  found: FoundDisk,
  signal: AbortSignal,
  name: Naming = (_, give) => give(),
): Promise<Target> {
  const { path, lengthBytes } = plan.target;
  const undo: (() => Promise<unknown>)[] = [];
  const close = async () => {
    while (undo.length > 0) await undo.pop()!().catch(() => {});
  };
  try {
    const folder = relayFolderOf(plan.planId);
    const places = makeRelayFolder(folder);
    undo.push(async () => {
      // whoever serves a machine from here on has it
      if (!(await isRelaying(folder))) await rm(folder, { recursive: true, force: true });
    });
    const socketPath = join(folder, 'template');
    const disk = await openStoredDisk(parts, found, true);
    undo.push(() => disk.close());
    const server = await serveNbd(
      { name: RELAYED_NAME, description: found.template.name, source: disk.source },
      { socketPath },
    );
    undo.push(() => server.close());
    await chmod(socketPath, 0o600);
    const output = await PartialOutput.begin(path, plan.planId);
    undo.push(() => output.end());
    const overlay = output.contentPath;
    await makeOverlay(overlay, lengthBytes, `nbd+unix:///${RELAYED_NAME}?socket=${places.machine}`, signal);
    const at = { socketPath, exportName: RELAYED_NAME, at: join(folder, VIEW_NAME) };
    const view = await viewOverlay(overlay, at, signal);
    undo.push(() => view.close());
    const handle = await open(view.path, constants.O_RDWR).catch((error) => {
      throw ioError(error, 'WRITE_FAILED', { path });
    });
    const sink = await createFileSink(handle, path, plan.target, false);
    undo.push(() => sink.close());
    let overBytes: number | undefined;
    return {
      path,
      sink,
      fd: handle.fd,
      get overBytes() {
        return overBytes;
      },
      async publish() {
        await sink.close();
        undo.pop();
        await view.close();
        undo.pop();
        const file = await open(overlay, constants.O_RDWR);
        try {
          await file.sync();
          overBytes = (await file.stat()).blocks * STAT_BLOCK_BYTES;
        } finally {
          await file.close();
        }
        await name([{ from: overlay, path }], () => output.publish(false));
      },
      end: close,
    };
  } catch (error) {
    await close();
    throw error instanceof EngineError ? error : ioError(error, 'WRITE_FAILED', { path });
  }
}
