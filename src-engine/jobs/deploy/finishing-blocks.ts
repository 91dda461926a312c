/**
 * What makes a disk look finished: its first sectors and its tables. A deploy clears them first and writes them last, moved
 * to the target's size. Until then the windows that hold them are kept in memory: two or three at most.
 */
import { alignedMemory } from '../../core/aligned-memory.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSink, Extent } from '../../disk/block-source.port.ts';
import { gapsIn } from '../../volumes/extents.ts';
import type { Relocation } from '../../volumes/layout.port.ts';
import { WINDOW_BYTES } from '../../store/chunking.ts';

interface Run {
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
}

const PAGE_BYTES = 4096;
/** A GPT with 128 entries, the most common of what a target may still hold: 33 sectors at its end, 34 at its start. */
const GPT_SECTORS = 34;

export class FinishingBlocks {
  readonly #relocation: Relocation;
  readonly #special: readonly Extent[];
  #held: Run[] = [];

  constructor(relocation: Relocation) {
    this.#relocation = relocation;
    this.#special = [...relocation.finishing, ...relocation.stale, ...relocation.patches.map(extentOf)];
  }

  /** Whether a window holds any of them: it is then given to {@link hold}, and not written. */
  touches(windowStart: number): boolean {
    return this.#special.some(
      ({ startBytes, lengthBytes }) =>
        startBytes < windowStart + WINDOW_BYTES && windowStart < startBytes + lengthBytes,
    );
  }

  /** Keeps a window's used bytes until {@link write}. @param runs relative to the window @param memory the window */
  hold(windowStart: number, runs: readonly (readonly [start: number, length: number])[], memory: Uint8Array): void {
    for (const [start, length] of runs) {
      const bytes = Uint8Array.from(memory.subarray(start, start + length));
      this.#held.push({ offsetBytes: windowStart + start, bytes });
    }
  }

  /**
   * Takes from the target what it looked like before: an old table over new content would be the worst of both. The first
   * sectors go first: without them nobody looks for the rest.
   */
  async clear(sink: BlockSink): Promise<void> {
    const tableBytes = Math.min(GPT_SECTORS * sink.sectorBytes, sink.lengthBytes);
    const old: Extent[] = [
      ...this.#relocation.finishing,
      { startBytes: 0, lengthBytes: tableBytes },
      { startBytes: sink.lengthBytes - tableBytes, lengthBytes: tableBytes },
    ];
    await sink.write(0, new Uint8Array(Math.min(PAGE_BYTES, sink.lengthBytes)));
    await sink.sync();
    for (const { startBytes, lengthBytes } of old) await sink.write(startBytes, new Uint8Array(lengthBytes));
    await sink.sync();
  }

  /**
   * Writes what was held back, tables last, and reads it all back. Of the tables, the first page comes last of all, sector by
   * sector from behind, each on the disk before the next is written: the first sector, without which there is no table, says
   * that everything else is there, wherever the power is cut.
   * @returns bytes found equal
   * @throws EngineError `VERIFY_MISMATCH`
   */
  async write(sink: BlockSink): Promise<number> {
    const { finishing, stale, patches } = this.#relocation;
    const runs = [...without(this.#held, [...stale, ...patches.map(extentOf)]), ...patches];
    const early = without(runs, finishing);
    const disk = { startBytes: 0, lengthBytes: sink.lengthBytes };
    const late = without(runs, gapsIn(disk, finishing));
    for (const run of early) await sink.write(run.offsetBytes, run.bytes);
    await sink.sync();
    const firstPage = [{ startBytes: 0, lengthBytes: PAGE_BYTES }];
    for (const run of without(late, firstPage)) await sink.write(run.offsetBytes, run.bytes);
    for (let at = PAGE_BYTES - sink.sectorBytes; at >= 0; at -= sink.sectorBytes) {
      const sector = without(late, gapsIn(disk, [{ startBytes: at, lengthBytes: sink.sectorBytes }]));
      if (sector.length === 0) continue;
      await sink.sync();
      for (const run of sector) await sink.write(run.offsetBytes, run.bytes);
    }
    await sink.sync();
    let verifiedBytes = 0;
    for (const run of [...early, ...late]) verifiedBytes += await compare(sink, run);
    return verifiedBytes;
  }
}

const extentOf = (run: Run): Extent => ({ startBytes: run.offsetBytes, lengthBytes: run.bytes.length });

/** Runs less the bytes that lie in any of the extents. */
function without(runs: readonly Run[], extents: readonly Extent[]): Run[] {
  let left = [...runs];
  for (const { startBytes, lengthBytes } of extents) {
    left = left.flatMap((run) => {
      const before = Math.min(Math.max(startBytes - run.offsetBytes, 0), run.bytes.length);
      const after = Math.min(Math.max(startBytes + lengthBytes - run.offsetBytes, 0), run.bytes.length);
      if (before >= after) return [run];
      return [
        { offsetBytes: run.offsetBytes, bytes: run.bytes.subarray(0, before) },
        { offsetBytes: run.offsetBytes + after, bytes: run.bytes.subarray(after) },
      ].filter(({ bytes }) => bytes.length > 0);
    });
  }
  return left;
}

async function compare(sink: BlockSink, run: Run): Promise<number> {
  const from = Math.floor(run.offsetBytes / PAGE_BYTES) * PAGE_BYTES;
  const to = Math.ceil((run.offsetBytes + run.bytes.length) / PAGE_BYTES) * PAGE_BYTES;
  const memory = Buffer.from(alignedMemory(to - from), 0, to - from);
  await sink.readBackInto(from, memory);
  const at = run.offsetBytes - from;
  if (memory.subarray(at, at + run.bytes.length).compare(run.bytes) !== 0) {
    throw new EngineError('VERIFY_MISMATCH', { offsetBytes: run.offsetBytes });
  }
  return run.bytes.length;
}
