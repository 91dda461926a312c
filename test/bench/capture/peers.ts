/** The same used blocks, stored once by programs that people use for this today. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Duel } from '../duel.ts';
import { made, tool, withFiles, withPartition } from './bench-disks.ts';
import { bytesBelow, captureAnew, cloneOf, shell } from './commands.ts';
import { storedRow, table, type Bench } from './report.ts';

interface Peer {
  readonly name: string;
  /** makes an empty store, which is not measured */
  readonly prepare: string;
  readonly script: string;
  /** the script reads a block device, `$DISK`, and not the file */
  readonly isOfPartition?: true;
  readonly aim: number;
}

export async function peers({ work, peerRounds, mainDisk }: Bench): Promise<string> {
  const disk = made(join(work, 'used.img'), (path) => tool('cp', '--sparse=always', mainDisk(), path));
  // those that read whole disks are not to read what was deleted
  await withFiles(disk, (folder) => tool('fstrim', folder));
  const store = join(work, 'peer');
  const catalog = join(work, 'catalog');
  const list: Peer[] = [
    {
      name: 'partclone, pigz',
      prepare: `mkdir -p ${store}`,
      script: `${cloneOf('ext4', '$DISK')} | pigz > ${store}/x && sync ${store}/x`,
      isOfPartition: true,
      aim: 0.65,
    },
    {
      name: 'qemu-img convert -c, zstd',
      prepare: `mkdir -p ${store}`,
      script: `qemu-img convert -c -f raw -O qcow2 -o compression_type=zstd ${disk} ${store}/x && sync ${store}/x`,
      aim: 0.6,
    },
    {
      name: 'restic backup',
      prepare: `restic init --quiet --repository-version 2 --repo ${store}`,
      script: `restic backup --quiet --no-cache --repo ${store} ${disk} && sync -f ${store}`,
      aim: 1 / 3,
    },
    {
      name: 'borg create, zstd 3',
      prepare: `borg init --encryption none ${store}`,
      script: `borg create --sparse --compression zstd,3 ${store}::a ${disk} && sync -f ${store}`,
      aim: 1 / 3,
    },
    {
      name: 'casync make, zstd',
      prepare: `mkdir -p ${store}`,
      script: `casync make --compression=zstd --store=${store}/x.castr ${store}/x.caibx ${disk} > /dev/null && sync -f ${store}`,
      aim: 1 / 3,
    },
  ];
  const env = { RESTIC_PASSWORD: 'bench', BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes', BORG_BASE_DIR: work };
  const duels: Duel[] = [];
  const sizes: string[][] = [];
  for (const { name, prepare, script, isOfPartition, aim } of list) {
    const duel = new Duel(name, { seconds: aim });
    duels.push(duel);
    let [theirBytes, ourBytes] = [0, 0];
    for (let round = 0; round < peerRounds; round++) {
      rmSync(store, { recursive: true, force: true });
      await shell(prepare, { env });
      const rival = isOfPartition
        ? await withPartition(disk, (loop) => shell(script, { env: { ...env, DISK: loop } }))
        : await shell(script, { env });
      theirBytes = bytesBelow(store);
      rmSync(store, { recursive: true, force: true });
      const ours = await captureAnew(catalog, disk);
      ourBytes = ours.result.storedBytes;
      duel.add(rival, ours);
    }
    sizes.push(storedRow(name, theirBytes, ourBytes));
  }
  rmSync(catalog, { recursive: true, force: true });
  return [
    'The same disk without what was deleted, so that all read the same; each into an empty store, caches cold, its output synced.',
    '',
    [Duel.head, ...duels.map((duel) => duel.row())].join('\n'),
    '',
    table(['stored by', 'rival', 'Diskpress', 'ratio', 'aim'], sizes),
  ].join('\n');
}
