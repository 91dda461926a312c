/** How fast a job has been, in as many points as a picture needs, however long it takes. Pure. */
export interface RatePoint {
  /** ms since 1970 */
  readonly at: number;
  readonly bytesPerSecond: number;
}

export interface Rates {
  /** how far the points are apart */
  readonly everyMs: number;
  /** in the order of time */
  readonly points: readonly RatePoint[];
}

export const NO_RATES: Rates = { everyMs: 1_000, points: [] };
const MOST_POINTS = 240;

/** The rates with one more, where its time has come. Of too many, two become one: the whole job stays in sight. */
export function withRate({ everyMs, points }: Rates, point: RatePoint): Rates {
  const last = points.at(-1);
  if (last && point.at - last.at < everyMs) return { everyMs, points };
  const all = [...points, point];
  if (all.length <= MOST_POINTS) return { everyMs, points: all };
  const halved = all.flatMap((one, i) => {
    if (i % 2 === 1) return [];
    const next = all[i + 1] ?? one;
    return [{ at: one.at, bytesPerSecond: (one.bytesPerSecond + next.bytesPerSecond) / 2 }];
  });
  return { everyMs: 2 * everyMs, points: halved };
}
