import { describe, expect, test } from 'vitest';
import { clusterChain, type AllocationTable, type ClusterRun } from '../../../src-engine/filesystems/cluster-chain.ts';

/** @param next for each cluster the next one; null ends a chain */
function table(next: (cluster: number) => number | null, clusterCount: number): AllocationTable & { pieces: number } {
  return {
    pieces: 0,
    clusterCount,
    async pieceAt(cluster) {
      this.pieces++;
      const first = cluster - (cluster % 100);
      return { first, end: first + 100, next };
    },
  };
}

async function runs(chain: ReturnType<typeof clusterChain>, from = 0): Promise<ClusterRun[]> {
  const all: ClusterRun[] = [];
  for await (const batch of chain.runsFrom(from)) all.push(...batch);
  return all;
}

describe('a chain', () => {
  test('gives clusters that follow each other as runs', async () => {
    const next: Record<number, number | null> = { 5: 6, 6: 7, 7: 3, 3: 50, 50: 51, 51: null };
    expect(
      await runs(
        clusterChain(
          table((c) => next[c], 100),
          5,
        ),
      ),
    ).toEqual([
      { index: 0, first: 5, count: 3 },
      { index: 3, first: 3, count: 1 },
      { index: 4, first: 50, count: 2 },
    ]);
  });

  test('is followed again from the middle without its beginning', async () => {
    const fat = table((c) => (c < 100_001 ? c + 1 : null), 100_000);
    const chain = clusterChain(fat, 2);
    await runs(chain);
    fat.pieces = 0;
    const [first] = await runs(chain, 90_000);
    expect(first.index).toBeGreaterThan(80_000);
    expect(first.first).toBe(first.index + 2);
    expect(fat.pieces).toBeLessThan(200);
  });

  test.each<[string, number, (cluster: number) => number | null]>([
    ['a cluster that is its own next one', 2, (c) => c],
    ['a ring', 2, (c) => (c === 40 ? 2 : c + 1)],
    ['a ring with a way into it', 2, (c) => (c === 9000 ? 4500 : c + 1)],
    ['a next one behind the end', 9900, (c) => c + 1],
    ['a free one', 2, () => 0],
    ['a first one that is no cluster', 1, () => null],
  ])('with %s is damage', async (_, first, next) => {
    const fat = table(next, 10_000);
    await expect(runs(clusterChain(fat, first))).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
    expect(fat.pieces).toBeLessThan(500);
  });
});
