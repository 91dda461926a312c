/** One disk of mixed files, captured and deployed, against partclone and zstd: cold and warm; and what medium and processors allow. */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Duel } from '../duel.ts';
import { measure, median } from '../measure.ts';
import { withPartition } from './bench-disks.ts';
import { captureAnew, captureByRival, cloneOf, diskpress, shell } from './commands.ts';
import { megabytes, storedRow, table, type Bench } from './report.ts';

/** @param cache cold: nothing of the disk or the packed file lies in memory; warm: all of it does */
export async function native({ work, rounds, mainDisk }: Bench, cache: 'cold' | 'warm'): Promise<string> {
  const disk = mainDisk();
  const [packed, restored, deployed, catalog] = ['rival.zst', 'restored.img', 'deployed.img', 'catalog'].map((name) =>
    join(work, name),
  );
  const before = (...paths: string[]) => ({ warm: cache === 'warm' ? paths : [] });
  const capture = new Duel('capture', { seconds: cache === 'cold' ? 0.65 : 0.8, busySeconds: 1 });
  const deploy = new Duel('deploy with read-back', { seconds: 0.5 });
  let [usedBytes, theirBytes, ourBytes] = [0, 0, 0];
  for (let round = 0; round < rounds; round++) {
    for (const path of [restored, deployed]) rmSync(path, { force: true });
    const rival = await captureByRival('ext4', disk, packed, before(disk));
    const ours = await captureAnew(catalog, disk, before(disk));
    capture.add(rival, ours);
    [usedBytes, theirBytes, ourBytes] = [ours.result.processedBytes, statSync(packed).size, ours.result.storedBytes];
    const restore = `zstd -d -c -q ${packed} | partclone.restore -C --overwrite ${restored} -s - -L /dev/null 2>/dev/null && sync ${restored}`;
    const restoredIn = await shell(restore, before(packed));
    rmSync(restored);
    const how = ['deploy', 'bench', deployed, '--identity', 'keep'];
    deploy.add(restoredIn, await diskpress(catalog, how, before(join(catalog, 'packs'))));
  }
  for (const path of [packed, deployed, catalog]) rmSync(path, { recursive: true, force: true });
  const limits = await limitsOf(work, disk, rounds);
  const taken = capture.taken('ours', 'seconds');
  return [
    'The rival: `partclone.ext4 | zstd -T0 -3` and `zstd -d | partclone.restore`, its output synced. Ours: the whole command, with the start of the program, the',
    'verification of what was stored (capture) and the read-back of everything that was written (deploy), neither of which the rival does.',
    '',
    [Duel.head, capture.row(), deploy.row()].join('\n'),
    '',
    table(
      ['', 'rival', 'Diskpress', 'ratio', 'aim'],
      [
        storedRow('stored', theirBytes, ourBytes),
        [
          'capture, against zstd alone',
          `${limits.zstdSeconds.toFixed(1)} s`,
          `${taken.toFixed(1)} s`,
          (taken / limits.zstdSeconds).toFixed(2),
          '≤ 1.25',
        ],
      ],
    ),
    '',
    `${megabytes(usedBytes)} are used. zstd alone: \`zstd -3 -T0\` of partclone's output, in memory, to nowhere. The medium, by fio and dd, past the cache: reads ${limits.readMegabytes} MB/s (1 MiB, 8 in flight), writes ${limits.writeMegabytes} MB/s.`,
  ].join('\n');
}

/** What no capture of this disk can be faster than. */
async function limitsOf(work: string, disk: string, rounds: number) {
  const used = join(work, 'used.pcl');
  const copy = join(work, 'copy');
  await withPartition(disk, (loop) => shell(`${cloneOf('ext4', loop)} > ${used} && sync ${used}`));
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++)
    seconds.push((await shell(`zstd -3 -T0 -q -c ${used} > /dev/null`, { warm: [used] })).seconds);
  const read = `fio --name=read --filename=${used} --readonly --rw=read --bs=1M --iodepth=8 --ioengine=libaio --direct=1 --output-format=json`;
  const fio = await measure('sh', ['-c', read]);
  const json = JSON.parse(fio.output.slice(fio.output.indexOf('{'))) as { jobs: { read: { bw_bytes: number } }[] };
  const write = await shell(`dd if=${used} of=${copy} bs=8M oflag=direct conv=fsync status=none`, { warm: [used] });
  const writeMegabytes = Math.round(statSync(used).size / 1e6 / write.seconds);
  rmSync(used);
  rmSync(copy);
  return { zstdSeconds: median(seconds), readMegabytes: Math.round(json.jobs[0].read.bw_bytes / 1e6), writeMegabytes };
}
