/** Combinations are tried side by side, each with its template, which is captured first. */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Combination } from './combinations.ts';
import { CommandLine } from './deploy.ts';
import { guestOf, nameOf, type Guest, type GuestKind } from './guests.ts';
import { tryCombination, type Row } from './try-combination.ts';
import { tryTwins, type Twins } from './twins.ts';

/** Each emulates one processor. */
const AT_ONCE = Math.max(2, availableParallelism());

/**
 * @param twins of which templates two are started side by side in the end
 * @param done is told of each row as it is there @param doneTwins of each pair
 * @returns the rows, in the order of the combinations
 */
export async function tryAll(
  combinations: readonly Combination[],
  twins: readonly GuestKind[],
  done: (row: Row) => void,
  doneTwins: (pair: Twins) => void = () => {},
): Promise<{ rows: Row[]; twins: Twins[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-boot-'));
  try {
    const commands = new CommandLine(folder);
    const guests = new Map<string, Guest>();
    const kinds = [...combinations.map(({ guest }) => guest), ...twins];
    await sideBySide([...new Map(kinds.map((kind) => [nameOf(kind), kind])).values()], async (kind) => {
      guests.set(nameOf(kind), await guestOf(kind));
    });
    // a catalog has one writer
    for (const guest of guests.values()) await commands.capture(guest);
    const rows: Row[] = [];
    await sideBySide(combinations, async (one) => {
      const target = join(folder, `${one.number}.img`);
      const row = await tryCombination(one, guests.get(nameOf(one.guest))!, commands, target);
      rows.push(row);
      done(row);
    });
    const pairs: Twins[] = [];
    for (const kind of twins) {
      const pair = await tryTwins(guests.get(nameOf(kind))!, commands, folder);
      pairs.push(pair);
      doneTwins(pair);
    }
    return { rows: rows.sort((a, b) => a.combination.number - b.combination.number), twins: pairs };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function sideBySide<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const waiting = [...all];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
