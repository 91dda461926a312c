/** Room beside the catalog in which a volume gets its new length: a sparse file. */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { markOfRunner } from '../../catalog/runner.ts';
import { EngineError, ioError } from '../../core/engine-error.ts';
import type { BlockSink, BlockSource } from '../../disk/block-source.port.ts';
import { createFileSink } from '../../formats/raw/file-sink.ts';
import { openFileSource, type DiskFacts } from '../../formats/raw/file-source.ts';
import { freeBytes } from '../../machines/free-bytes.ts';
import type { Piece } from '../../resizing/piece.ts';
import type { StoreLayout } from '../../store/store-layout.ts';
import { removeLostVolumes, SCRATCH_VOLUME } from '../../versions/leftovers.ts';
import type { Deployment } from './deployment.ts';

/** With less than this, no program gets on. */
const NO_ROOM_BYTES = 1024 * 1024;

export interface ScratchVolume {
  readonly path: string;
  readonly fd: number;
  readonly sink: BlockSink;
  /** Gives it its length back, after a program has cut off what it did not need. */
  restoreLength(): Promise<void>;
  /** Nothing is left of it. */
  end(): Promise<void>;
}

/**
 * A name is needed: ntfsresize looks for it among the mounts. What was left by those who were killed goes first, and at the latest when
 * somebody writes to the catalog.
 * @throws EngineError `WRITE_FAILED`, `PERMISSION_DENIED`, `DISK_FULL`
 */
async function openScratchVolume(layout: StoreLayout, facts: DiskFacts): Promise<ScratchVolume> {
  removeLostVolumes(layout);
  const path = join(layout.scratch, `${SCRATCH_VOLUME}${markOfRunner()}.${randomUUID()}`);
  const { O_RDWR, O_CREAT, O_EXCL } = constants;
  try {
    const handle = await open(path, O_RDWR | O_CREAT | O_EXCL, 0o600);
    try {
      await handle.truncate(facts.lengthBytes);
      const sink = await createFileSink(handle, path, facts, true);
      return {
        path,
        fd: handle.fd,
        sink,
        restoreLength: () => handle.truncate(facts.lengthBytes),
        async end() {
          await sink.close().catch(() => {});
          await rm(path, { force: true });
        },
      };
    } catch (error) {
      await handle.close();
      await rm(path, { force: true });
      throw error;
    }
  } catch (error) {
    throw ioError(error, 'WRITE_FAILED', { path });
  }
}

/** A scratch volume: whoever opens it ends it. @param sectorBytes what programs are to think that its disk counts in @throws as {@link openScratchVolume} */
export function openScratch(
  { parts, sink }: Pick<Deployment, 'parts' | 'sink'>,
  lengthBytes: number,
  sectorBytes = sink.sectorBytes,
): Promise<ScratchVolume> {
  const { physicalSectorBytes } = sink;
  return openScratchVolume(parts.layout, { sectorBytes, physicalSectorBytes, lengthBytes });
}

/** Does something with a scratch volume, of which nothing is left afterwards. @param sectorBytes as for {@link openScratch} */
export async function withScratch(
  deployment: Pick<Deployment, 'parts' | 'sink'>,
  lengthBytes: number,
  work: (scratch: ScratchVolume) => Promise<void>,
  sectorBytes = deployment.sink.sectorBytes,
): Promise<void> {
  const scratch = await openScratch(deployment, lengthBytes, sectorBytes);
  await work(scratch).finally(() => scratch.end());
}

/**
 * Where a program got no more room, it says so in words of its own, or leaves half of what it was to make.
 * @throws EngineError `DISK_FULL` for that; else what `work` throws
 */
export async function whileRoom({ path }: ScratchVolume, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const isOfProgram = error instanceof EngineError && ['TOOL_FAILED', 'RESIZE_CONTRADICTED'].includes(error.code);
    const folder = dirname(path);
    const free = isOfProgram ? await freeBytes(folder) : NO_ROOM_BYTES;
    if (!isOfProgram || free >= NO_ROOM_BYTES) throw error;
    throw new EngineError('DISK_FULL', { path: folder, freeBytes: free }, error.message, { cause: error });
  }
}

export async function reading(scratch: ScratchVolume, work: (source: BlockSource) => Promise<void>): Promise<void> {
  const source = await openFileSource(scratch.path, scratch.sink);
  await work(source).finally(() => source.close());
}

/** As programs are shown it. */
export const pieceOf = ({ fd, sink: { lengthBytes, sectorBytes } }: ScratchVolume): Piece => ({
  fd,
  isScratch: true,
  startBytes: 0,
  lengthBytes,
  sectorBytes,
});
