/**
 * Volumes whose blocks are smaller than the sectors of their target: made anew there, with another length at the same time. What they are afterwards is
 * judged by the checkers of their file systems, their files by the kernel; and they go back to sectors of 512.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noise, place } from '../../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../../support/engine.ts';
import { treeOf } from '../../support/file-trees.ts';
import { canLoop, MIB, run, runWithInput, workbench } from '../../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
});
afterAll(() => engine.close());

interface Part {
  readonly startBytes: number;
  readonly lengthBytes: number;
}

function partsOf(disk: string, sectorBytes: number): Part[] {
  const { partitiontable } = JSON.parse(run('sfdisk', '-J', disk)) as {
    partitiontable: { partitions: { start: number; size: number }[] };
  };
  return partitiontable.partitions.map(({ start, size }) => ({
    startBytes: start * sectorBytes,
    lengthBytes: size * sectorBytes,
  }));
}

function on<T>(disk: string, { startBytes, lengthBytes }: Part, sectorBytes: number, work: (device: string) => T): T {
  const options = ['-o', String(startBytes), '--sizelimit', String(lengthBytes), '-b', String(sectorBytes)];
  const device = bench.attach(disk, ...options);
  try {
    return work(device);
  } finally {
    bench.detach(device);
  }
}

function mounted<T>(device: string, options: string, work: (point: string) => T): T {
  const point = bench.mount(device, options);
  try {
    return work(point);
  } finally {
    bench.unmount(point);
  }
}

/** An access control list, one for new files, a capability and a note: acl(5), Linux, include/uapi/linux/posix_acl_xattr.h and capability.h. */
const ATTRIBUTES = `
import os, struct, sys
acl = lambda *entries: struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry) for entry in entries)
NONE = 0xffffffff
own = acl((1, 6, NONE), (2, 6, 4321), (4, 4, NONE), (0x10, 6, NONE), (0x20, 4, NONE))
new = acl((1, 7, NONE), (4, 5, NONE), (8, 5, 99), (0x10, 5, NONE), (0x20, 5, NONE))
os.setxattr(sys.argv[1] + '/module4', 'system.posix_acl_access', own)
os.setxattr(sys.argv[1] + '/fonts', 'system.posix_acl_default', new)
os.setxattr(sys.argv[1] + '/module5', 'security.capability', struct.pack('<IIIII', 0x02000001, 1 << 13, 0, 0, 0))
os.setxattr(sys.argv[1] + '/module6', 'user.note', b'kept')
`;

/** Files with all that they can carry. */
function fillFiles(point: string): void {
  run('mkdir', '-p', join(point, 'grub/fonts'));
  for (let i = 0; i < 40; i++) writeFileSync(join(point, `grub/module${i}`), noise(`m${i}`, (i * 997) % 7000));
  writeFileSync(join(point, 'vmlinuz'), noise('kernel', 3 * MIB));
  run('ln', join(point, 'vmlinuz'), join(point, 'vmlinuz.old'));
  run('ln', '-s', 'vmlinuz', join(point, 'link'));
  run('mkfifo', '-m', '640', join(point, 'fifo'));
  run('mknod', join(point, 'null'), 'c', '1', '3');
  run('truncate', '-s', '30M', join(point, 'hole'));
  run('chown', '1234:70000', join(point, 'grub/module2'));
  run('chmod', '4711', join(point, 'grub/module3'));
  run('python3', '-c', ATTRIBUTES, join(point, 'grub'));
  run('touch', '-d', '2001-02-03 04:05:06.789', join(point, 'grub/module7'), join(point, 'grub'));
}
const expectSound = (i: number, device: string) =>
  i === 3 ? run('xfs_repair', '-n', device) : run('e2fsck', '-fn', device);

const EXT_FIELDS =
  /^(Filesystem (volume name|UUID|features|magic)|Default mount options|Errors behavior|Inode size|Reserved blocks .id|Maximum mount|Check interval).*$/gm;
const dumped = (device: string) => run('dumpe2fs', '-h', device);
const fieldsOf = (device: string) => dumped(device).match(EXT_FIELDS);
const reservedBytes = (device: string) => {
  const [count, size] = [/Reserved block count: +(\d+)/, /Block size: +(\d+)/].map((field) =>
    Number(field.exec(dumped(device))![1]),
  );
  return count * size;
};

/** Debian's installer makes /boot with blocks of 1 KiB, mkfs.xfs on a disk of 512 writes sectors of 512. */
const BOOT = [
  '-q',
  '-t',
  'ext4',
  '-b',
  '1024',
  '-L',
  'the boot',
  '-m',
  '7',
  '-I',
  '256',
  '-e',
  'remount-ro',
  '-O',
  '^metadata_csum,^orphan_file',
];
const DATA = ['-q', '-t', 'ext3', '-b', '2048', '-L', 'data', '-m', '0'];
const DISK_BYTES = 560 * MIB;
const LAYOUT = `label: gpt
1 : start=1MiB, size=40MiB, type=uefi
2 : size=64MiB, type=linux
3 : size=48MiB, type=linux
4 : size=360MiB, type=linux
5 : size=16MiB, type=swap
6 : size=16MiB, type=linux
`;

function makeDisk(): string {
  const disk = bench.file('small-blocks.img', DISK_BYTES);
  runWithInput(LAYOUT, 'sfdisk', '-q', disk);
  const parts = partsOf(disk, 512);
  const esp = bench.file('esp.part', parts[0].lengthBytes);
  run('mkfs.vfat', '-F', '16', '-s', '8', '-h', String(parts[0].startBytes / 512), esp);
  writeFileSync(bench.path('loader.efi'), noise('loader', 300_000));
  run('mcopy', '-i', esp, bench.path('loader.efi'), '::/LOADER.EFI');
  place(esp, disk, parts[0].startBytes);
  on(disk, parts[4], 512, (device) => run('mkswap', '-L', 'swapped', device));
  const made: [number, (device: string) => unknown][] = [
    [1, (device) => run('mke2fs', ...BOOT, device)],
    [2, (device) => run('mke2fs', ...DATA, device)],
    [3, (device) => run('mkfs.xfs', '-q', '-f', '-L', 'root', '-s', 'size=512', device)],
    [5, (device) => run('mke2fs', '-q', '-t', 'ext4', '-b', '4096', device)],
  ];
  for (const [i, make] of made) {
    on(disk, parts[i], 512, (device) => {
      make(device);
      mounted(device, 'rw', fillFiles);
      if (i === 1) run('tune2fs', '-o', 'journal_data_ordered,acl', '-c', '30', '-i', '3m', device);
    });
  }
  return disk;
}

describe.skipIf(!canLoop)('blocks smaller than the sectors of the target', () => {
  let disk: string;
  beforeAll(async () => {
    disk = makeDisk();
    resultOf(await engine.capture(disk, 'blocks'));
  });

  test('volumes are made anew for sectors of 4096, longer, shorter and as long, and go back to sectors of 512', async () => {
    const image = bench.file('large.img', DISK_BYTES + 200 * MIB);
    const target = bench.attach(image, '-b', '4096');
    const volumes = [
      { volume: '2', size: 90 * MIB },
      { volume: '3', size: 40 * MIB },
      { volume: '4', size: 'grow' as const },
    ];
    const plan = await engine.client.call('deploy.plan', { template: 'blocks', target, volumes });
    expect(plan.canRun).toBe(true);
    expect(plan.volumes.map(({ volume, method }) => [volume, method])).toEqual([
      ['1', 'kept'],
      ['2', 'rebuilt'],
      ['3', 'rebuilt'],
      ['4', 'rebuilt'],
      ['5', 'kept'],
      ['6', 'kept'],
    ]);
    const told = plan.checks.filter(({ code }) => code === 'VOLUME_MADE_FOR_SECTORS');
    expect(told.map(({ data }) => [data.volume, data.fileSystem, data.sectorBytes])).toEqual([
      ['2', 'ext4', 4096],
      ['3', 'ext3', 4096],
      ['4', 'xfs', 4096],
    ]);
    resultOf(await engine.deploy('blocks', target, { volumes, confirm: target }));
    bench.detach(target);

    const [from, to] = [
      partsOf(disk, 512),
      on(image, { startBytes: 0, lengthBytes: DISK_BYTES + 200 * MIB }, 4096, (whole) => partsOf(whole, 4096)),
    ];
    expect(to.slice(1, 3).map(({ lengthBytes }) => lengthBytes / MIB)).toEqual([90, 40]);
    expect(to[3].lengthBytes).toBeGreaterThan(from[3].lengthBytes + 150 * MIB);
    for (const i of [1, 2, 3, 5]) {
      const before = on(disk, from[i], 512, (device) => mounted(device, 'ro', treeOf));
      const after = on(image, to[i], 4096, (device) => {
        expectSound(i, device);
        return mounted(device, 'ro', treeOf);
      });
      expect(after).toBe(before);
    }
    for (const i of [1, 2]) {
      const before = on(disk, from[i], 512, (device) => [fieldsOf(device), reservedBytes(device)] as const);
      const after = on(image, to[i], 4096, (device) => [fieldsOf(device), reservedBytes(device)] as const);
      expect(after[0]).toEqual(before[0]);
      expect(Math.abs(after[1] - before[1])).toBeLessThan(4096);
    }
    const xfs = (path: string, part: Part, sectorBytes: number) =>
      on(path, part, sectorBytes, (device) =>
        run('xfs_db', '-r', '-c', 'sb 0', '-c', 'p uuid fname sectsize logsectsize', '-c', 'version', device),
      );
    expect(
      xfs(image, to[3], 4096)
        .replaceAll('4096', '512')
        .replace(/ \[.*?\]|SECTOR,/g, ''),
    ).toBe(
      xfs(disk, from[3], 512)
        .replace('logsectsize = 0', 'logsectsize = 512')
        .replace(/ \[.*?\]/g, ''),
    );
    on(image, to[0], 4096, (device) => {
      expect(run('fsck.vfat', '-nv', device)).toContain('4096 bytes per logical sector');
      run('mcopy', '-n', '-i', device, '::/LOADER.EFI', bench.path('back.efi'));
    });
    expect(readFileSync(bench.path('back.efi')).equals(readFileSync(bench.path('loader.efi')))).toBe(true);
    const label = (path: string, part: Part, sectorBytes: number) =>
      on(path, part, sectorBytes, (device) => run('swaplabel', device));
    expect(label(image, to[4], 4096)).toBe(label(disk, from[4], 512));

    const again = bench.attach(image, '-b', '4096');
    resultOf(await engine.capture(again, 'back'));
    bench.detach(again);
    const small = bench.file('small.img', DISK_BYTES);
    const back = bench.attach(small);
    const shrunk = [
      { volume: '2', size: 50 * MIB },
      { volume: '4', size: 340 * MIB },
    ];
    resultOf(await engine.deploy('back', back, { volumes: shrunk, confirm: back }));
    bench.detach(back);
    const last = partsOf(small, 512);
    for (const i of [1, 2, 3, 5]) {
      const before = on(image, to[i], 4096, (device) => mounted(device, 'ro', treeOf));
      on(small, last[i], 512, (device) => {
        expectSound(i, device);
        const undated = (tree: string) => tree.replace(/^(\S+ 0o40\d+ \d+ \d+) \d+/gm, '$1');
        expect(undated(mounted(device, 'ro', treeOf))).toBe(undated(before));
      });
    }
  });

  test('are refused where they would have no room, where the bytes are to stay as they were, and named where nobody makes them anew', async () => {
    const target = bench.attach(bench.file('refused.img', DISK_BYTES), '-b', '4096');
    const exact = await engine.client.call('deploy.plan', { template: 'blocks', target, exact: true });
    const blocked = (checks: typeof exact.checks) =>
      checks.filter(({ level }) => level === 'block').map(({ code, data }) => [code, data.volume]);
    expect(blocked(exact.checks)).toEqual([
      ['SECTOR_SIZE_DIFFERS', '2'],
      ['SECTOR_SIZE_DIFFERS', '3'],
      ['SECTOR_SIZE_DIFFERS', '4'],
    ]);
    const kept = await engine.client.call('deploy.plan', { template: 'blocks', target });
    expect(blocked(kept.checks)).toEqual([]);
    expect(
      kept.volumes.map(({ method, lengthBytes, beforeBytes }) => [method, lengthBytes - beforeBytes]),
    ).toContainEqual(['rebuilt', 0]);
    bench.detach(target);

    const full = bench.file('full.img', 32 * MIB);
    runWithInput(
      'label: gpt\n1 : start=1MiB, size=20MiB, type=linux\n2 : size=8MiB, type=linux\n',
      'sfdisk',
      '-q',
      full,
    );
    const parts = partsOf(full, 512);
    on(full, parts[0], 512, (device) => {
      run('mke2fs', '-q', '-t', 'ext4', '-b', '1024', device);
      mounted(device, 'rw', (point) => {
        for (let i = 0; i < 3000; i++) writeFileSync(join(point, `small${i}`), `${i}`);
      });
    });
    on(full, parts[1], 512, (device) => run('mke2fs', '-q', '-t', 'ext4', '-b', '1024', '-O', 'quota', device));
    resultOf(await engine.capture(full, 'full'));
    const other = bench.attach(bench.file('full.target', 32 * MIB), '-b', '4096');
    const plan = await engine.client.call('deploy.plan', { template: 'full', target: other });
    expect(blocked(plan.checks)).toEqual([
      ['SECTOR_SIZE_DIFFERS', '1'],
      ['SECTOR_SIZE_DIFFERS', '2'],
    ]);
    expect(plan.checks).toContainEqual(
      expect.objectContaining({ code: 'VOLUME_TOO_SMALL', data: expect.objectContaining({ volume: '1' }) }),
    );
    bench.detach(other);
  });
});
