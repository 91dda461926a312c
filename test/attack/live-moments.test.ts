/**
 * A file system of the kernel is captured at moments at which it is written to: what is deployed is, once its journal was replayed, what the
 * source is once its own was. Used blocks are told while bitmaps on the disk lag behind the journal.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openEngine, resultOf } from '../support/engine.ts';
import { randomBelow } from '../support/temporary.ts';
import { MIB, run, workbench } from '../support/workbench.ts';
import { canRecord, recordedDisk } from './recorded-disk.ts';
import { attempts, isFull, seedOf, Tally } from './tally.ts';

const bench = workbench();

/** `few`: in a small round; those that are alike are tried in a full one alone. */
const FILE_SYSTEMS: Record<
  string,
  { mkfs: string[]; options?: string; lengthBytes: number; few: number; full: number }
> = {
  ext4: { mkfs: ['mkfs.ext4', '-q', '-F'], lengthBytes: 96 * MIB, few: 1, full: 60 },
  'ext4 of small blocks': {
    mkfs: ['mkfs.ext4', '-q', '-F', '-b', '1024', '-O', '^metadata_csum'],
    lengthBytes: 96 * MIB,
    few: 0,
    full: 40,
  },
  'ext4 with data in its journal': {
    mkfs: ['mkfs.ext4', '-q', '-F'],
    options: 'data=journal',
    lengthBytes: 96 * MIB,
    few: 1,
    full: 40,
  },
  ext3: { mkfs: ['mkfs.ext3', '-q', '-F'], lengthBytes: 96 * MIB, few: 0, full: 20 },
  XFS: { mkfs: ['mkfs.xfs', '-q', '-f'], lengthBytes: 320 * MIB, few: 1, full: 20 },
  Btrfs: { mkfs: ['mkfs.btrfs', '-q', '-f'], lengthBytes: 320 * MIB, few: 1, full: 20 },
};

/** Files come, grow, shrink, get other names and go, some of them forced to the disk: for some seconds. */
const WORK = `
cd "$1"
i=0; end=$((SECONDS + 2))
while [ $SECONDS -lt $end ]; do
  i=$((i+1)); d=d$((i % 7)); mkdir -p $d
  head -c $(( (i * 7919) % 300000 + 1 )) /dev/urandom > $d/f$((i % 40))
  ln -sf f$((i % 40)) $d/l$((i % 11)); mv -f $d/f$((i % 40)) $d/g$((i % 23)) 2>/dev/null
  [ $((i % 5)) = 0 ] && rm -rf d$(((i + 3) % 7))
  [ $((i % 6)) = 0 ] && sync -d $d/g$((i % 23)) 2>/dev/null
  [ $((i % 29)) = 0 ] && sync -f .
  truncate -s $((i * 37 % 50000)) $d/g$((i % 23))
done
true`;

describe.skipIf(!canRecord)('a moment of', () => {
  test.for(Object.entries(FILE_SYSTEMS).filter(([, { few }]) => isFull || few > 0))(
    '%s that is written to',
    async ([name, { mkfs, options, lengthBytes, few, full }], context) => {
      const tally = new Tally('Captured while it is written to', name);
      const id = name.replaceAll(' ', '-');
      const image = bench.file(`${id}.img`, lengthBytes);
      run(mkfs[0], ...mkfs.slice(1), image);
      const disk = await recordedDisk(bench, image);
      const point = bench.mount(disk.device, options ?? 'rw');
      const script = bench.path('work.sh');
      writeFileSync(script, WORK);
      run('bash', script, point);
      run('sync', '-f', point);
      bench.unmount(point);
      const recording = await disk.stop();
      const below = randomBelow(seedOf(name));
      const engine = await openEngine(bench.path(`catalog-${id}`));
      for (let i = 0; i < attempts(few, full); i++) {
        const [moment, deployed] = [bench.path(`${id}.moment`), bench.path(`${id}.deployed`)];
        rmSync(deployed, { force: true });
        // its making is over, and its end is not there yet
        const count = recording.entries.length;
        recording.momentAt(Math.floor(count / 10) + below(Math.floor(count * 0.85)), moment);
        const captured = await engine.capture(moment, id, { outside: 'take' });
        resultOf(captured);
        resultOf(await engine.deploy(id, deployed));
        const { versions } = await engine.client.call('template.show', { template: id });
        const problem = differenceOf(moment, deployed);
        if (problem) tally.unfound(`moment of entry ${i}: ${problem}`);
        const { usedBytes } = versions[0];
        tally.ended(
          usedBytes < lengthBytes * 0.9 ? 'used blocks, equal after recovery' : 'whole, equal after recovery',
        );
      }
      await engine.close();
      tally.close(context);
      expect(recording.entries.length).toBeGreaterThan(50);
    },
  );
});

/** Mounted by the kernel, which replays what it has to. @returns what differs; null: nothing */
function differenceOf(one: string, other: string): string | null {
  try {
    // two of one UUID are not mounted at once everywhere
    const [sum, otherSum] = [one, other].map((image) => {
      const copy = `${image}.mounted`;
      run('cp', '--sparse=always', image, copy);
      const device = bench.attach(copy);
      const point = bench.mount(device, 'rw');
      const said = run(
        'bash',
        '-c',
        'cd "$1" && find . -type f -print0 | sort -z | xargs -0r sha256sum; find . -printf "%y %s %l %p\\n" | grep -v "^d" | sort',
        '-',
        point,
      );
      bench.unmount(point);
      bench.detach(device);
      rmSync(copy);
      return said;
    });
    return sum === otherSum ? null : 'files differ';
  } catch (error) {
    return (error as Error).message;
  }
}
