/** Single bits flipped in the files of a catalog: what an engine then answers. */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from '../../src-engine/contract/client.ts';
import { openEngine, type TestEngine } from './engine.ts';
import { randomBelow } from './temporary.ts';

/** Kinds of files, and their paths in a catalog. */
export const FLIPPED_KINDS = {
  database: /^catalog\.db$/,
  log: /^catalog\.db-wal$/,
  manifest: /^manifests\/.*\.dpm$/,
  record: /^manifests\/.*\.json$/,
  pack: /^packs\/.*\.dpk$/,
  lock: /^(writer|readers)\.lock$/,
  policy: /^policies\//,
  machine: /^machines\//,
} as const;
export type FlippedKind = keyof typeof FLIPPED_KINDS;

export interface Flip {
  readonly path: string;
  readonly offset: number;
  readonly bit: number;
  /** for each question 'right', 'wrong', or the code of the error */
  readonly answers: Readonly<Record<string, string>>;
}

/**
 * Flips a bit in a copy of a sound catalog, asks, and takes the copy away again, `count` times.
 * @param questions each returns what must be equal to what the sound catalog says
 */
export async function flipBits(
  sound: string,
  copy: string,
  kind: FlippedKind,
  count: number,
  seed: number,
  questions: Readonly<Record<string, (engine: TestEngine) => Promise<unknown>>>,
): Promise<Flip[]> {
  const paths = readdirSync(sound, { recursive: true, encoding: 'utf8' })
    .filter((path) => FLIPPED_KINDS[kind].test(path) && statSync(join(sound, path)).size > 0)
    .sort();
  const below = randomBelow(seed);
  const right = new Map<string, string>();
  const ask = async (name: string) => {
    const engine = await openEngine(copy);
    try {
      return JSON.stringify(await questions[name](engine));
    } finally {
      await engine.close();
    }
  };
  const renew = () => {
    rmSync(copy, { recursive: true, force: true });
    cpSync(sound, copy, { recursive: true });
  };
  for (const name of Object.keys(questions)) {
    renew();
    right.set(name, await ask(name));
  }
  const flips: Flip[] = [];
  for (let i = 0; i < count && paths.length > 0; i++) {
    const path = paths[below(paths.length)];
    const bytes = readFileSync(join(sound, path));
    const [offset, bit] = [below(bytes.length), below(8)];
    bytes[offset] ^= 1 << bit;
    const answers: Record<string, string> = {};
    for (const name of Object.keys(questions)) {
      renew();
      writeFileSync(join(copy, path), bytes);
      try {
        answers[name] = (await ask(name)) === right.get(name) ? 'right' : 'wrong';
      } catch (error) {
        answers[name] = error instanceof CommandError ? error.view.code : `INTERNAL ${String(error)}`;
      }
    }
    flips.push({ path, offset, bit, answers });
  }
  rmSync(copy, { recursive: true, force: true });
  return flips;
}
