/** Combinations are tried side by side, each with its template, which is captured first. */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Combination } from './combinations.ts';
import { CommandLine } from './deploy.ts';
import { guestOf, nameOf, type Guest } from './guests.ts';
import { tryCombination, type Row } from './try-combination.ts';
import { tryTwins, type Twins } from './twins.ts';

/** Each emulates one processor. */
const AT_ONCE = Math.max(2, availableParallelism());

/**
 * @param twins of which of the templates two are started side by side in the end
 * @param done is told of each row as it is there
 * @returns the rows, in the order of the combinations
 */
export async function tryAll(
  combinations: readonly Combination[],
  twins: (guest: Guest) => boolean,
  done: (row: Row) => void,
): Promise<{ rows: Row[]; twins: Twins[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-boot-'));
  try {
    const commands = new CommandLine(folder);
    const guests = new Map<string, Guest>();
    for (const { guest } of combinations) {
      if (guests.has(nameOf(guest))) continue;
      const made = await guestOf(guest);
      await commands.capture(made);
      guests.set(nameOf(guest), made);
    }
    const rows: Row[] = [];
    const waiting = [...combinations];
    const work = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const target = join(folder, `${next.number}.img`);
        const row = await tryCombination(next, guests.get(nameOf(next.guest))!, commands, target);
        rows.push(row);
        done(row);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const pairs: Twins[] = [];
    for (const guest of [...guests.values()].filter(twins)) pairs.push(await tryTwins(guest, commands, folder));
    return { rows: rows.sort((a, b) => a.combination.number - b.combination.number), twins: pairs };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
