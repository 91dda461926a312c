/** What disks are told apart by, as other people's tools say it: sfdisk, blkid, LVM2; and who names it. */
import { extract } from './disks.ts';
import { run, type Workbench } from './workbench.ts';

interface SfdiskPartition {
  readonly start: number;
  readonly size: number;
  readonly uuid?: string;
}

/** What sfdisk and blkid say that a disk and its partitions are told apart by. */
export function identifiersOf(bench: Workbench, disk: string) {
  const { partitiontable: table } = JSON.parse(run('sfdisk', '-J', disk)) as {
    partitiontable: { id: string; partitions: SfdiskPartition[] };
  };
  const volumes = table.partitions.map(({ start, size }, i) => {
    const image = extract(disk, { startBytes: start * 512, lengthBytes: size * 512 }, bench.path(`part-${i}`));
    const told = Object.fromEntries(
      run('sh', '-c', 'blkid -p -o export "$1" || true', '-', image)
        .split('\n')
        .map((line) => line.split('=')),
    ) as Record<string, string>;
    return { image, kind: told.TYPE ?? '', uuid: told.UUID ?? '' };
  });
  return { disk: table.id, partitions: table.partitions.map(({ uuid = '' }) => uuid), volumes };
}

/** Whatever files of a volume say, in one text; what has no files says nothing. */
export function wordsIn(bench: Workbench, { image, kind }: { image: string; kind: string }): string {
  if (kind === 'vfat') {
    const to = `${image}.files`;
    run('mkdir', '-p', to);
    run('mcopy', '-s', '-n', '-i', image, '::/', to);
    return run('sh', '-c', 'cat $(find "$1" -type f)', '-', to);
  }
  if (!['ext3', 'ext4', 'xfs', 'btrfs'].includes(kind)) return '';
  const point = bench.mount(image, kind === 'xfs' ? 'loop,ro,nouuid,norecovery' : 'loop,ro');
  const words = run('sh', '-c', 'find "$1" -type f -size -1000 -exec cat {} +', '-', point);
  bench.unmount(point);
  return words;
}

/** Programs that find nothing wrong with a file system. */
export const CHECKS: Record<string, readonly string[]> = {
  ext3: ['e2fsck', '-f', '-n'],
  ext4: ['e2fsck', '-f', '-n'],
  // one group is too few for xfs_repair to be sure of
  xfs: ['xfs_repair', '-n', '-f', '-o', 'force_geometry'],
  btrfs: ['btrfs', 'check'],
  vfat: ['fsck.vfat', '-n'],
};

/** Groups and volumes of the one physical volume on a disk, as LVM2 lists them. */
export function lvmUuidsOf(bench: Workbench, disk: string): { name: string; uuids: string[] }[] {
  const { partitiontable: table } = JSON.parse(run('sfdisk', '-J', disk)) as {
    partitiontable: { partitions: (SfdiskPartition & { type: string })[] };
  };
  const { start, size } = table.partitions.find(({ type }) => /^(?:8e|E6D6D379-.*)$/i.test(type))!;
  const device = bench.attach(disk, '--offset', String(start * 512), '--sizelimit', String(size * 512));
  const config = `devices { filter=["a|^${device}$|","r|.*|"] use_devicesfile=0 hints="none" } activation { udev_sync=0 }`;
  const asked = ['--driverloaded', 'n', '--config', config, '--noheadings', '--separator', ','];
  const lines = [
    ...run('lvm', 'pvs', ...asked, '-o', 'pv_name,pv_uuid', device).split('\n'),
    ...run('lvm', 'lvs', ...asked, '-o', 'vg_name,lv_name,vg_uuid,lv_uuid').split('\n'),
  ];
  run('lvm', 'vgck', '--driverloaded', 'n', '--config', config);
  bench.detach(device);
  return lines
    .map((line) => line.trim().split(','))
    .filter((words) => words.length > 1)
    .map((words) => ({
      name: words
        .filter((word) => !word.includes('/dev/'))
        .slice(0, -1 * UUIDS_IN[words.length])
        .join('/'),
      uuids: words.slice(-UUIDS_IN[words.length]),
    }));
}

/** Of a line of pvs and of lvs. */
const UUIDS_IN: Record<number, number> = { 2: 1, 4: 2 };
