/** Volume groups made by LVM2's own tools, read as they say that they lie. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { readBytes } from '../../../src-engine/disk/read.ts';
import { knownThingsIn } from '../../../src-engine/inspection/account/known-things.ts';
import { inspectDisk, type InspectedDisk } from '../../../src-engine/inspection/disk-inspection.ts';
import { makeExt4, noise, type Part } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';
import { lvmOn, volumeText, type Lvm } from './lvm.ts';

const bench = workbench();
const PARTS: Part[] = [
  { startBytes: MIB, lengthBytes: 60 * MIB },
  { startBytes: 61 * MIB, lengthBytes: 40 * MIB },
];

/** A disk with two partitions that are members of the group 'lab'. */
function newGroup(name: string, ...options: string[]): { disk: string; lvm: Lvm } {
  const disk = bench.file(name, 104 * MIB);
  run('sgdisk', '-n', '1:1M:+60M', '-t', '1:8e00', '-n', '2:61M:+40M', '-t', '2:8e00', disk);
  const lvm = lvmOn(bench, disk, PARTS);
  lvm('vgcreate', '-y', '-s', '1M', ...options, 'lab', ...lvm.devices);
  return { disk, lvm };
}

async function inspect(disk: string): Promise<InspectedDisk> {
  const source = await openFileSource(disk);
  bench.atEnd(() => source.close());
  return inspectDisk(source, new AbortController().signal);
}

/** What a capture takes of each partition. */
async function usedOf(disk: InspectedDisk): Promise<[number, number][][]> {
  const used: [number, number][][] = [];
  for (const volume of disk.volumes) {
    const extents: [number, number][] = [];
    let count = 0;
    for await (const batch of volume.used(new AbortController().signal)) {
      for (const { startBytes, lengthBytes } of batch) {
        expect(startBytes).toBeGreaterThanOrEqual(extents.at(-1)?.[1] ?? 0);
        extents.push([startBytes, startBytes + lengthBytes]);
        count += lengthBytes;
      }
    }
    expect(count).toBe(volume.usedBytes);
    used.push(extents);
  }
  return used;
}

/** How often each byte occurs: stripes are found in another order. */
function sortedBytes(pieces: readonly Buffer[]): number[] {
  const counts = new Array<number>(256).fill(0);
  for (const byte of Buffer.concat(pieces)) counts[byte]++;
  return counts;
}

const MIBS = ([from, to]: [number, number]) => [from / MIB, to / MIB];
const codes = ({ view }: InspectedDisk) => [
  ...view.volumes.flatMap(({ warnings }) => warnings.map(({ code }) => code)),
  ...view.groups.flatMap(({ volumes }) => volumes.flatMap(({ warnings }) => warnings.map(({ code }) => code))),
];

describe.skipIf(!canLoop)('a group over two partitions', () => {
  test('volumes in one piece, in several and in stripes hold the bytes that were laid where lvs says', async (context) => {
    proves(
      context,
      ...['linear volumes', 'volumes in several segments', 'striped volumes'].map((feature) => ({
        subject: 'LVM2',
        feature,
        aspect: 'used blocks' as const,
        judge: 'lvs',
      })),
    );
    const { disk, lvm } = newGroup('plain.img');
    lvm.create('-Wn', '-L', '8M', '-n', 'one', 'lab', lvm.devices[0]);
    lvm.create('-Wn', '-L', '4M', '-n', 'pieces', 'lab', lvm.devices[1]);
    lvm.create('-Wn', '-i2', '-I', '64k', '-L', '12M', '-n', 'stripes', 'lab');
    lvm('lvextend', '--driverloaded', 'n', '-L', '+3M', 'lab/pieces', lvm.devices[0]);
    lvm('lvextend', '--driverloaded', 'n', '-L', '+2M', 'lab/pieces', lvm.devices[1]);
    lvm('lvextend', '--driverloaded', 'n', '-i1', '-L', '+2M', 'lab/stripes', lvm.devices[0]);
    const sizes = { one: 8, pieces: 9, stripes: 14 };
    for (const [name, mib] of Object.entries(sizes)) {
      writeFileSync(bench.path(name), noise(name, mib * MIB));
      lvm.fill(`lab/${name}`, bench.path(name));
    }
    const inspected = await inspect(disk);
    // zeros between a label and the group's text are no second thing beside the group
    expect([...(await knownThingsIn(inspected)).values()]).toEqual([]);
    expect(inspected.view.groups).toMatchObject([
      {
        kind: 'lvm2',
        name: 'lab',
        uuid: lvm('vgs', '--noheadings', '-o', 'vg_uuid').trim(),
        members: [0, 1],
        missingMembers: 0,
        volumes: [
          { ref: 'lab/one', mapping: 'linear', lengthBytes: 8 * MIB },
          { ref: 'lab/pieces', mapping: 'linear', lengthBytes: 9 * MIB },
          { ref: 'lab/stripes', mapping: 'striped', lengthBytes: 14 * MIB },
        ],
      },
    ]);
    for (const [name, mib] of Object.entries(sizes)) {
      const volume = inspected.opened.find(({ ref }) => ref === `lab/${name}`)!;
      const expected = noise(name, mib * MIB);
      expect((await readBytes(volume.source, 0, mib * MIB)).equals(expected)).toBe(true);
      // pieces that begin and end anywhere, and the same bytes found again on the disk
      for (let at = 5; at < mib * MIB - 200_001; at += 333_333) {
        const extent = { startBytes: at, lengthBytes: 200_001 };
        expect((await readBytes(volume.source, at, 200_001)).equals(expected.subarray(at, at + 200_001))).toBe(true);
        const places = volume.toDisk(extent);
        const found = await Promise.all(
          places.map((place) => readBytes(inspected.source, place.startBytes, place.lengthBytes)),
        );
        if (name === 'stripes') expect(sortedBytes(found)).toEqual(sortedBytes([expected.subarray(at, at + 200_001)]));
        else expect(Buffer.concat(found).equals(expected.subarray(at, at + 200_001))).toBe(true);
      }
    }
    const [first, second] = await usedOf(inspected);
    // nothing is known in these volumes: they are taken whole, and nothing else but the labels
    const taken = (lvm_: Lvm, device: number) =>
      ['one', 'pieces', 'stripes']
        .flatMap((name) => lvm_.segmentsOf(`lab/${name}`).flatMap(({ areas }) => areas))
        .filter((area) => area.device === lvm_.devices[device])
        .reduce((sum, area) => sum + area.lengthBytes, 0);
    const sum = (extents: [number, number][]) => extents.reduce((total, [from, to]) => total + to - from, 0);
    expect(sum(first)).toBeLessThanOrEqual(taken(lvm, 0) + MIB);
    expect(sum(first)).toBeGreaterThan(taken(lvm, 0));
    expect(sum(second)).toBeGreaterThan(taken(lvm, 1));
    expect(sum(second)).toBeLessThanOrEqual(taken(lvm, 1) + MIB);
  });

  test('what is more than pieces of disks is taken as it lies, with its hidden parts', async (context) => {
    const kinds = ['thin pool', 'cache', 'snapshot', 'RAID', 'mirror'];
    proves(
      context,
      ...kinds.map((kind) => ({
        subject: 'LVM2',
        feature: `${kind} (captured whole)`,
        aspect: 'used blocks' as const,
        judge: 'lvs',
      })),
    );
    const { disk, lvm } = newGroup('kinds.img');
    lvm('lvcreate', '--driverloaded', 'n', '-an', '-y', '--type', 'cache-pool', '-L', '8M', '-n', 'cached', 'lab');
    const shown = ['READ', 'WRITE', 'VISIBLE'];
    const hidden = ['READ', 'WRITE'];
    const on = (extents: number, ...stripes: string[]) =>
      `start_extent = 0\nextent_count = ${extents}\ntype = "striped"\nstripe_count = 1\nstripes = [${stripes}]`;
    const special = (extents: number, type: string, rest: string) =>
      `start_extent = 0\nextent_count = ${extents}\ntype = "${type}"\n${rest}`;
    const more = [
      volumeText('plain', shown, on(2, '"pv1", 24')),
      volumeText('origin', shown, on(4, '"pv1", 0')),
      volumeText('copy', shown, on(3, '"pv1", 4')),
      volumeText('snapshot0', hidden, special(4, 'snapshot', 'chunk_size = 8\norigin = "origin"\ncow_store = "copy"')),
      volumeText(
        'pool',
        shown,
        special(
          6,
          'thin-pool',
          'metadata = "pool_tmeta"\npool = "pool_tdata"\ntransaction_id = 1\nchunk_size = 128\ndiscards = "passdown"\nzero_new_blocks = 1',
        ),
      ),
      volumeText('pool_tmeta', hidden, on(2, '"pv1", 8')),
      volumeText('pool_tdata', hidden, on(6, '"pv1", 10')),
      volumeText('thin', shown, special(40, 'thin', 'thin_pool = "pool"\ntransaction_id = 0\ndevice_id = 1')),
      volumeText(
        'redundant',
        shown,
        special(
          4,
          'raid1',
          'device_count = 2\nregion_size = 1024\nraids = ["redundant_rmeta_0", "redundant_rimage_0", "redundant_rmeta_1", "redundant_rimage_1"]',
        ),
      ),
      volumeText('redundant_rmeta_0', hidden, on(1, '"pv1", 16')),
      volumeText('redundant_rimage_0', hidden, on(4, '"pv1", 17')),
      volumeText('redundant_rmeta_1', hidden, on(1, '"pv0", 30')),
      volumeText('redundant_rimage_1', hidden, on(4, '"pv0", 31')),
      volumeText(
        'twice',
        shown,
        special(
          2,
          'mirror',
          'mirror_count = 2\nregion_size = 1024\nmirrors = ["twice_mimage_0", 0, "twice_mimage_1", 0]',
        ),
      ),
      volumeText('twice_mimage_0', hidden, on(2, '"pv1", 21')),
      volumeText('twice_mimage_1', hidden, on(2, '"pv0", 35')),
    ];
    lvm.restore('lab', (text) => text.replace('logical_volumes {', (start) => `${start}\n${more.join('\n')}`));
    const told = lvm('lvs', '-a', '--noheadings', '-o', 'lv_name,segtype', 'lab');
    for (const kind of ['thin-pool', 'thin', 'cache-pool', 'raid1', 'mirror'])
      expect(told).toMatch(new RegExp(`${kind}\\s`));

    const inspected = await inspect(disk);
    const [group] = inspected.view.groups;
    const found = group.volumes.map(({ ref, mapping, captureAs, usedBytes, warnings }) => [
      ref.slice(4),
      mapping,
      captureAs,
      usedBytes / MIB,
      warnings.map(({ code }) => code).join(),
    ]);
    expect(found.sort()).toEqual([
      ['cached', 'cache-pool', 'whole', 8 + cacheMetadata(lvm), 'LOGICAL_VOLUME_WHOLE'],
      ['copy', 'snapshot', 'whole', 3, 'LOGICAL_VOLUME_WHOLE'],
      ['origin', 'snapshot-origin', 'whole', 4, 'LOGICAL_VOLUME_WHOLE'],
      ['plain', 'linear', 'whole', 2, 'FILESYSTEM_UNKNOWN'],
      ['pool', 'thin-pool', 'whole', 8, 'LOGICAL_VOLUME_WHOLE'],
      ['redundant', 'raid1', 'whole', 10, 'LOGICAL_VOLUME_WHOLE'],
      ['thin', 'thin', 'whole', 0, 'LOGICAL_VOLUME_WHOLE'],
      ['twice', 'mirror', 'whole', 4, 'LOGICAL_VOLUME_WHOLE'],
    ]);
    // every extent that lvs tells of is taken, and no other
    const starts = PARTS.map(() => MIB);
    const expected = PARTS.map(() => new Set<number>());
    for (const [, device, first, last] of lvm('lvs', '-a', '--noheadings', '-o', 'seg_pe_ranges', 'lab').matchAll(
      /(\/dev\/\w+):(\d+)-(\d+)/g,
    )) {
      for (let extent = Number(first); extent <= Number(last); extent++) {
        expected[lvm.devices.indexOf(device)].add(extent);
      }
    }
    const used = await usedOf(inspected);
    for (const [i, extents] of used.entries()) {
      const taken = new Set<number>();
      for (const [from, to] of extents.map(MIBS)) {
        for (let at = Math.max(Math.floor(from), starts[i] / MIB); at < to; at++) taken.add(at - starts[i] / MIB);
      }
      expect(taken).toEqual(expected[i]);
    }
  });

  test('metadata that was changed often, and kept twice or not at all, is the newest', async (context) => {
    proves(context, {
      subject: 'LVM2',
      feature: 'several copies of the metadata',
      aspect: 'used blocks',
      judge: 'vgs',
    });
    const disk = bench.file('often.img', 104 * MIB);
    run('sgdisk', '-n', '1:1M:+60M', '-t', '1:8e00', '-n', '2:61M:+40M', '-t', '2:8e00', disk);
    const lvm = lvmOn(bench, disk, PARTS);
    // the smallest ring there is, so that it is gone round
    lvm('pvcreate', '-y', '--pvmetadatacopies', '2', '--metadatasize', '64k', lvm.devices[0]);
    lvm('pvcreate', '-y', '--pvmetadatacopies', '0', lvm.devices[1]);
    lvm('vgcreate', '-y', '-s', '1M', 'lab', ...lvm.devices);
    for (let i = 0; i < 40; i++) lvm('vgchange', '--addtag', `tag${i}${'x'.repeat(100)}`, 'lab');
    lvm.create('-Wn', '-L', '50M', '-n', 'last', 'lab');
    const { view } = await inspect(disk);
    expect(codes({ view } as InspectedDisk)).toEqual(['FILESYSTEM_UNKNOWN']);
    expect(view.groups).toMatchObject([{ members: [0, 1], volumes: [{ ref: 'lab/last', lengthBytes: 50 * MIB }] }]);
    expect(view.volumes[1].usedBytes).toBeLessThan(MIB);
  });

  test('a group of which a member is gone, or damaged, is captured whole', async () => {
    const { disk, lvm } = newGroup('gone.img');
    lvm.create('-Wn', '-L', '8M', '-n', 'one', 'lab', lvm.devices[0]);
    const bytes = readFileSync(disk);
    const without = Buffer.from(bytes).fill(0, PARTS[1].startBytes, PARTS[1].startBytes + MIB);
    writeFileSync(bench.path('without.img'), without);
    const { view } = await inspect(bench.path('without.img'));
    expect(view.groups).toMatchObject([{ members: [0], missingMembers: 1, volumes: [{ captureAs: 'whole' }] }]);
    expect(view.volumes[0]).toMatchObject({
      recognised: 'lvm2',
      captureAs: 'whole',
      usedBytes: PARTS[0].lengthBytes,
      warnings: [{ code: 'GROUP_INCOMPLETE', data: { group: 'lab', missing: 1 } }],
    });

    for (const { startBytes } of PARTS) bytes[bytes.lastIndexOf('seqno', startBytes + MIB)] ^= 1;
    writeFileSync(bench.path('damaged.img'), bytes);
    const damaged = await inspect(bench.path('damaged.img'));
    expect(damaged.view.volumes.map(({ captureAs }) => captureAs)).toEqual(['whole', 'whole']);
    expect(codes(damaged)).toEqual(['GROUP_UNREADABLE', 'GROUP_UNREADABLE']);
  });

  test('two groups of one name, as after a disk was copied from two machines', async () => {
    const first = newGroup('first.img');
    first.lvm('vgreduce', 'lab', first.lvm.devices[1]);
    first.lvm.create('-Wn', '-L', '8M', '-n', 'one', 'lab');
    const second = newGroup('second.img');
    second.lvm('vgreduce', 'lab', second.lvm.devices[0]);
    second.lvm.create('-Wn', '-L', '6M', '-n', 'one', 'lab');
    const bytes = readFileSync(first.disk);
    const { startBytes, lengthBytes } = PARTS[1];
    readFileSync(second.disk).copy(bytes, startBytes, startBytes, startBytes + lengthBytes);
    writeFileSync(bench.path('both.img'), bytes);
    const { view } = await inspect(bench.path('both.img'));
    expect(view.groups.map(({ members }) => members)).toEqual([[0], [1]]);
    const uuid = second.lvm('vgs', '--noheadings', '-o', 'vg_uuid').trim();
    expect(view.groups.flatMap(({ volumes }) => volumes.map(({ ref }) => ref))).toEqual(['lab/one', `${uuid}/one`]);
  });

  test('an ext4 inside is known by its used blocks', async (context) => {
    proves(context, { subject: 'LVM2', feature: 'file systems inside', aspect: 'used blocks', judge: 'dumpe2fs' });
    const { disk, lvm } = newGroup('inside.img');
    lvm.create('-Wn', '-i2', '-I', '4k', '-L', '16M', '-n', 'files', 'lab');
    const image = makeExt4(bench, 'inside.part', 16 * MIB);
    lvm.fill('lab/files', image);
    const inspected = await inspect(disk);
    const [{ fileSystem, usedBytes, captureAs }] = inspected.view.groups[0].volumes;
    expect(captureAs).toBe('used-blocks');
    const told = run('dumpe2fs', '-h', image);
    const blocks = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(told)![1]);
    expect(usedBytes).toBe((blocks('Block count') - blocks('Free blocks')) * blocks('Block size'));
    expect(fileSystem).toMatchObject({ kind: 'ext4', usedBytes });
    const used = (await usedOf(inspected)).map((extents) => extents.reduce((sum, [from, to]) => sum + to - from, 0));
    expect(used[0] + used[1] - usedBytes).toBeLessThanOrEqual(2 * MIB);
  });
});

/** Extents of 1 MiB that lvcreate gave to the metadata of the cache pool. */
function cacheMetadata(lvm: Lvm): number {
  return Number(
    /cached_cmeta\]?\s+(\d+)/.exec(
      lvm('lvs', '-a', '--noheadings', '--units', 'm', '--nosuffix', '-o', 'lv_name,lv_size', 'lab'),
    )![1],
  );
}
