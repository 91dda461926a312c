/**
 * Races: root writes into a folder of somebody else, who keeps putting links to root's files where the writing goes on. Whoever goes by names
 * twice loses some of them.
 */
import { spawn } from 'node:child_process';
import { chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from '../../src-engine/contract/client.ts';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import { EXPORT_FORMATS } from '../../src-engine/contract/import.contract.ts';
import { saveWholeFile } from '../../src-engine/host/saved-file.ts';
import type { TestEngine } from './engine.ts';

/** A user that owns nothing else. */
const EVE = 61_234;

/**
 * What Eve does, as fast as she can. `names`: whatever appears in her folder is moved away, and a link to root's file, or root's folder, has
 * its name. `parent`: the folder that was named is her own one moment, and a link to root's the next.
 */
const ATTACKS = {
  names: String.raw`
    while (!$end) {
      opendir(my $d, "."); my @names = grep { !/^\.\.?$|^eve/ } readdir($d); closedir($d);
      for my $name (@names) {
        next if -l $name;
        my $to = -d $name ? $folder : $file;
        next unless rename($name, "eve" . $swaps);
        symlink($to, $name); $swaps++;
      }
      if (!@names) { symlink($file, $expected); }
      unlink(grep { -l $_ } @names) if $swaps % 3 == 0;
    }`,
  parent: String.raw`
    while (!$end) {
      rename("sub", "eve"); symlink($folder, "sub"); $swaps++;
      select(undef, undef, undef, rand(0.002));
      unlink("sub"); rename("eve", "sub");
      select(undef, undef, undef, rand(0.002));
    }`,
} as const;
type Attack = keyof typeof ATTACKS;

export interface RaceResult {
  readonly writer: string;
  readonly attack: Attack;
  readonly rounds: number;
  /** rounds after which something of root's was not as before */
  readonly lost: number;
  /** rounds that ended well, whatever became of the file then; the others were refused or failed */
  readonly done: number;
  /** how often Eve put a link in place */
  readonly swaps: number;
}

type Writer = (engine: TestEngine, template: string, path: string) => Promise<unknown>;

const job = (engine: TestEngine, { jobId }: { jobId: string }): Promise<JobView> => engine.ended(jobId);

async function exported(engine: TestEngine, template: string, path: string, format: string): Promise<JobView> {
  const { planId } = await engine.client.call('export.plan', { template, path, format: format as 'raw' });
  return job(engine, await engine.client.call('export.start', { planId, overwrite: true }));
}

const extract = (engine: TestEngine, template: string, path: string, source: string) =>
  engine.client
    .call('files.extract', { template, volume: '0', path: source, destination: join(path, '..') })
    .then((started) => job(engine, started));

/** Everything that writes where a person says. */
export const WRITERS: Record<string, Writer> = {
  deploy: (engine, template, path) => engine.deploy(template, path, { overwrite: true }),
  ...Object.fromEntries(
    EXPORT_FORMATS.map((format): [string, Writer] => [
      `export ${format}`,
      (engine, template, path) => exported(engine, template, path, format),
    ]),
  ),
  'extract a folder': (engine, template, path) => extract(engine, template, path, '/deep'),
  'extract a file': (engine, template, path) => extract(engine, template, path, '/living'),
  // reports and profiles
  save: (_engine, _template, path) => saveWholeFile(path, 'a report', true),
};

/**
 * @param folder an empty one for the race, on a file system with owners
 * @param template whose only volume has the files of `makeExt4`
 */
export async function race(
  engine: TestEngine,
  template: string,
  folder: string,
  writer: string,
  attack: Attack,
  rounds: number,
): Promise<RaceResult> {
  const at = (name: string) => join(folder, name);
  const [hers, file, secret] = [at('hers'), at('roots-file'), at('roots-folder')];
  mkdirSync(hers, { recursive: true });
  mkdirSync(join(hers, 'sub'), { recursive: true });
  mkdirSync(secret, { recursive: true });
  writeFileSync(file, 'of root', { mode: 0o600 });
  for (const own of [hers, join(hers, 'sub')]) chownSync(own, EVE, EVE);
  const state = () => {
    const { mode, uid, ino, mtimeMs, nlink } = statSync(file);
    return JSON.stringify([readFileSync(file, 'latin1'), mode, uid, ino, mtimeMs, nlink, readdirSync(secret)]);
  };
  const before = state();
  const eve = startEve(attack, hers, file, secret);
  let [lost, done] = [0, 0];
  try {
    for (let round = 0; round < rounds; round++) {
      const path = join(hers, attack === 'parent' ? 'sub' : '.', `out${round}`);
      try {
        const ended = (await WRITERS[writer](engine, template, path)) as JobView | undefined;
        if (ended?.error?.code === 'INTERNAL') throw new Error(ended.error.hint);
        if (!ended?.error) done++;
      } catch (error) {
        if (!(error instanceof CommandError) || error.view.code === 'INTERNAL') throw error;
      }
      if (state() !== before) lost++;
      // what was saved out of a template has the same name each time, and would be refused the next
      for (const own of ['.', 'sub', 'eve']) {
        for (const name of ['deep', 'living']) rmSync(join(hers, own, name), { recursive: true, force: true });
      }
    }
  } finally {
    await eve.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return { writer, attack, rounds, lost, done, swaps: eve.swaps() };
}

function startEve(attack: Attack, folder: string, file: string, secret: string) {
  const program = `
    my ($file, $folder, $expected) = @ARGV; my $end = 0; my $swaps = 0;
    $SIG{TERM} = sub { $end = 1 }; $| = 1;
    ${ATTACKS[attack]}
    print "$swaps\\n";`;
  const user = ['--reuid', String(EVE), '--regid', String(EVE), '--clear-groups'];
  const child = spawn('setpriv', [...user, 'perl', '-e', program, file, secret, 'out0'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (data) => (text += data));
  const closed = new Promise((resolve) => child.once('close', resolve));
  return {
    swaps: () => Number(text.trim()),
    async stop() {
      child.kill('SIGTERM');
      await closed;
    },
  };
}
