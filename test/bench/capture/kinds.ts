/** Other file systems, and content that cannot be compressed, against their partclone. */
import { join } from 'node:path';
import { rmSync, statSync } from 'node:fs';
import { Duel } from '../duel.ts';
import { copyFiles, makeDisk, makeNoise } from './bench-disks.ts';
import { captureAnew, captureByRival } from './commands.ts';
import { storedRow, table, type Bench } from './report.ts';

const LENGTH_BYTES = 4 * 1024 ** 3;
const USED_MEGABYTES = 1500;

interface Kind {
  readonly name: string;
  readonly partclone: string;
  readonly mkfs: readonly string[];
  readonly mountType?: string;
  readonly fill: (folder: string) => void;
}

const files = (folder: string) => copyFiles(folder, USED_MEGABYTES);
const KINDS: readonly Kind[] = [
  { name: 'NTFS', partclone: 'ntfs', mkfs: ['mkfs.ntfs', '-Q', '-q'], mountType: 'ntfs-3g', fill: files },
  { name: 'XFS', partclone: 'xfs', mkfs: ['mkfs.xfs', '-q'], fill: files },
  { name: 'Btrfs', partclone: 'btrfs', mkfs: ['mkfs.btrfs', '-q'], fill: files },
  {
    name: 'ext4, only media',
    partclone: 'ext4',
    mkfs: ['mkfs.ext4', '-q'],
    fill: (folder) => makeNoise(folder, 15, USED_MEGABYTES / 15),
  },
];

export async function kinds({ work, rounds }: Bench): Promise<string> {
  const disk = join(work, 'kind.img');
  const packed = join(work, 'kind.zst');
  const catalog = join(work, 'catalog');
  const duels: Duel[] = [];
  const sizes: string[][] = [];
  for (const { name, partclone, mkfs, mountType, fill } of KINDS) {
    rmSync(disk, { force: true });
    await makeDisk(disk, LENGTH_BYTES, mkfs, fill, mountType);
    const duel = new Duel(name, { seconds: 0.65, busySeconds: 1 });
    duels.push(duel);
    let [theirBytes, ourBytes] = [0, 0];
    for (let round = 0; round < rounds; round++) {
      const rival = await captureByRival(partclone, disk, packed);
      theirBytes = statSync(packed).size;
      const ours = await captureAnew(catalog, disk);
      ourBytes = ours.result.storedBytes;
      duel.add(rival, ours);
    }
    sizes.push(storedRow(name, theirBytes, ourBytes));
  }
  for (const path of [disk, packed, catalog]) rmSync(path, { recursive: true, force: true });
  return [
    `Disks of 4 GiB with ${USED_MEGABYTES} MB of this machine's /usr, or of noise. The rival: the partclone of the file system, \`zstd -T0 -3\`, synced. Caches cold.`,
    '',
    [Duel.head, ...duels.map((duel) => duel.row())].join('\n'),
    '',
    table(['stored', 'rival', 'Diskpress', 'ratio', 'aim'], sizes),
  ].join('\n');
}
