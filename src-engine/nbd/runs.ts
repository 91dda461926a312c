/** What of a range holds data and what is holes, told from what a source knows of itself. */
import type { BlockSource } from '../disk/block-source.port.ts';

export interface Run {
  readonly startBytes: number;
  lengthBytes: number;
  readonly isHole: boolean;
}

/**
 * @param maxRuns where there are more, the last one is where it ends: the range is not covered to its end
 * @returns runs without gaps, of which neighbours differ; one of data where the source cannot tell
 */
export async function runsOf(
  source: BlockSource,
  startBytes: number,
  lengthBytes: number,
  maxRuns: number,
  signal: AbortSignal,
): Promise<Run[]> {
  if (!source.dataRuns) return [{ startBytes, lengthBytes, isHole: false }];
  const runs: Run[] = [];
  const endBytes = startBytes + lengthBytes;
  let at = startBytes;
  const add = (until: number, isHole: boolean) => {
    const last = runs.at(-1);
    if (until === at) return;
    if (last?.isHole === isHole) last.lengthBytes += until - at;
    else runs.push({ startBytes: at, lengthBytes: until - at, isHole });
    at = until;
  };
  for await (const batch of source.dataRuns(startBytes, lengthBytes, signal)) {
    for (const run of batch) {
      add(run.startBytes, true);
      add(run.startBytes + run.lengthBytes, false);
      // one more may have grown: what comes last is only certain once the next has begun
      if (runs.length > maxRuns) return runs.slice(0, maxRuns);
    }
  }
  add(endBytes, true);
  return runs.slice(0, maxRuns);
}
