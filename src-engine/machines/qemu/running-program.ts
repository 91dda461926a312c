/** Programs that were started to go on by themselves: known by their number and by a word of their command line that no other has. */
import { readFileSync } from 'node:fs';

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** @param word a path that it was started with: another program may have its number by now */
export function isRunning(pid: number, word: string): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(word);
  } catch {
    return false;
  }
}

/** Waits until it has ended, or for so long. */
export async function hasEnded(pid: number, word: string, patienceMs: number): Promise<void> {
  for (let waited = 0; waited < patienceMs && isRunning(pid, word); waited += 20) await pause(20);
}
