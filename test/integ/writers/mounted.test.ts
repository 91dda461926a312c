/** Changes inside XFS, btrfs and NTFS by a mount of our own, judged by their own programs and by what the kernel finds. */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EngineError } from '../../../src-engine/core/engine-error.ts';
import { writeTree, type GuestTree } from '../../support/guests.ts';
import { AT_BYTES, change, empty, folder, link, remove, write } from '../../support/written-volumes.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
let count = 0;

const TREE: GuestTree = {
  '/etc/hostname': 'template\n',
  '/etc/hosts': '127.0.0.1 localhost\n',
  '/etc/resolv.conf': '-> ../run/resolv.conf',
  '/var/log/syslog': 'old\n',
  '/var/log/apt/history.log': 'old\n',
  '/lib': '-> usr/lib',
  '/usr/lib/os-release': 'ID=debian\n',
};

const SIZES = { xfs: 320, btrfs: 128, ntfs: 16 };
type Kind = keyof typeof SIZES;

const options = `loop,offset=${AT_BYTES}`;

/** An image with such a file system from {@link AT_BYTES} on, filled below a folder of it. */
function made(kind: Kind, tree: GuestTree = TREE, subvolume = ''): string {
  const image = bench.file(`disk-${count++}.img`, SIZES[kind] * MIB + AT_BYTES);
  const device = bench.attach(image, '--offset', String(AT_BYTES));
  if (kind === 'xfs') run('mkfs.xfs', '-q', device);
  if (kind === 'btrfs') run('mkfs.btrfs', '-q', device);
  if (kind === 'ntfs') run('mkfs.ntfs', '-q', '-F', '-p', '0', device);
  bench.detach(device);
  const point = bench.mount(image, kind === 'ntfs' ? `${options},rw` : options);
  if (subvolume) run('btrfs', 'subvolume', 'create', `${point}/${subvolume}`);
  writeTree(`${point}/${subvolume}`, tree);
  bench.unmount(point);
  return image;
}

function expectSound(kind: Kind, image: string): void {
  const device = bench.attach(image, '--offset', String(AT_BYTES), '--read-only');
  if (kind === 'xfs') run('xfs_repair', '-n', device);
  if (kind === 'btrfs') run('btrfs', 'check', device);
  if (kind === 'ntfs') run('ntfsfix', '-n', device);
  bench.detach(device);
}

const refusal = (changing: Promise<void>) =>
  changing.then(
    () => expect.unreachable('it was to fail'),
    ({ code, data }: EngineError) => ({ code, data }),
  );

/** Of this file's images alone: others mount meanwhile. A mount of our own lies over the folder for temporary files. */
const mountsAndLoops = () => {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const loops = run('losetup', '-l', '-n', '-O', 'BACK-FILE').split('\n');
  return [
    mounts.filter((line) => line.includes(bench.folder) || line.split(' ')[4] === realpathSync(tmpdir())),
    loops.filter((line) => line.includes(bench.folder)).sort(),
  ];
};

describe.skipIf(!canLoop)('by a mount of our own', () => {
  test.each([
    ['xfs', ''],
    ['btrfs', '@'],
    ['btrfs', ''],
  ] as const)('%s %s gets files, links and folders, loses others, and stays sound', async (kind, subvolume) => {
    const image = made(kind, TREE, subvolume);
    const before = mountsAndLoops();
    await change(
      image,
      [
        write('/etc/hostname', 'lab-01\n'),
        write('/etc/resolv.conf', 'nameserver 192.0.2.1\n'),
        write('/home/ada/a "b"; rm -rf', 'x'.repeat(300_000), { mode: 0o640, owner: { userId: 70_000, groupId: 100 } }),
        write('/lib/new', 'through a link\n'),
        empty('/var/log'),
        folder('/home/bob', 0o700, 1001, 1002),
        folder('/etc', 0o750, 0, 5),
        link('/etc/localtime', '/usr/share/zoneinfo/Europe/Paris'),
      ],
      { names: subvolume ? [subvolume] : [] },
    );
    expect(mountsAndLoops()).toEqual(before);
    expectSound(kind, image);
    const point = `${bench.mount(image, `ro,${options}`)}/${subvolume}`;
    expect(readFileSync(`${point}/etc/hostname`, 'utf8')).toBe('lab-01\n');
    expect(readFileSync(`${point}/etc/resolv.conf`, 'utf8')).toBe('nameserver 192.0.2.1\n');
    expect(readFileSync(`${point}/usr/lib/new`, 'utf8')).toBe('through a link\n');
    const { uid, gid, mode, size } = statSync(`${point}/home/ada/a "b"; rm -rf`);
    expect({ uid, gid, mode: mode & 0o7777, size }).toEqual({ uid: 70_000, gid: 100, mode: 0o640, size: 300_000 });
    expect(run('stat', '-c', '%a %u %g', `${point}/home/bob`, `${point}/etc`)).toBe('700 1001 1002\n750 0 5\n');
    expect(readdirSync(`${point}/var/log`)).toEqual([]);
    expect(run('readlink', `${point}/etc/localtime`).trim()).toBe('/usr/share/zoneinfo/Europe/Paris');
    expect(readdirSync(`${point}/etc`).sort()).toEqual(['hostname', 'hosts', 'localtime', 'resolv.conf']);
  });

  test('ntfs gets and loses files, whatever the case of their names', async () => {
    const image = made('ntfs', {
      '/Windows/Panther/Unattend.xml': 'old',
      '/Windows/Temp/a/b': 'x',
      '/pagefile.sys': 'x',
    });
    const changes = [
      write('/windows/panther/unattend.xml', '<unattend/>'),
      write('/Windows/Setup/Scripts/first.cmd', 'echo\r\n'),
      empty('/WINDOWS/TEMP'),
      remove('/PAGEFILE.SYS'),
    ];
    const before = mountsAndLoops();
    await change(image, changes);
    expect(mountsAndLoops()).toEqual(before);
    expectSound('ntfs', image);
    const point = bench.mount(image, `ro,${options}`);
    expect(readFileSync(`${point}/Windows/Panther/Unattend.xml`, 'utf8')).toBe('<unattend/>');
    expect(readFileSync(`${point}/Windows/Setup/Scripts/first.cmd`, 'utf8')).toBe('echo\r\n');
    expect(readdirSync(`${point}/Windows`).sort()).toEqual(['Panther', 'Setup', 'Temp']);
    expect(readdirSync(`${point}/Windows/Temp`)).toEqual([]);
    expect(readdirSync(point)).not.toContain('pagefile.sys');
  });

  test('two disks of one btrfs are changed at the same time, each its own', async () => {
    const image = made('btrfs');
    const copies = ['a', 'b', 'c'].map((name) => {
      run('cp', '--sparse=always', image, bench.path(name));
      return bench.path(name);
    });
    await Promise.all(copies.map((copy, i) => change(copy, [write('/etc/hostname', `lab-${i}\n`)])));
    copies.forEach((copy, i) => {
      expectSound('btrfs', copy);
      const device = bench.attach(copy, '--offset', String(AT_BYTES), '--read-only');
      const folder = bench.path(`restored-${i}`);
      mkdirSync(folder);
      run('btrfs', 'restore', device, folder);
      bench.detach(device);
      expect(readFileSync(`${folder}/etc/hostname`, 'utf8')).toBe(`lab-${i}\n`);
    });
  });

  test('a file system of the same UUID that is mounted already is neither written to nor taken for ours', async () => {
    const image = made('btrfs');
    const copy = bench.path('copy.img');
    run('cp', '--sparse=always', image, copy);
    const point = bench.mount(image, options);
    await change(copy, [write('/etc/hostname', 'lab\n')]).catch(({ code }: EngineError) => {
      expect(['TOOL_FAILED', 'DEVICE_BUSY']).toContain(code);
    });
    expect(readFileSync(`${point}/etc/hostname`, 'utf8')).toBe('template\n');
    bench.unmount(point);
  });

  test('links that change on the way are not followed out of the guest', async () => {
    const outside = bench.path('outside');
    mkdirSync(outside, { recursive: true });
    const image = made('xfs', { ...TREE, '/srv': `-> ${outside}`, '/up': '-> ../../../../../../../tmp' });
    for (const path of ['/srv/x', '/up/x']) {
      expect(await refusal(change(image, [write(path, 'x')]))).toMatchObject({ code: 'GUEST_UNSAFE' });
    }
    expect(readdirSync(outside)).toEqual([]);
  });

  test('a full volume is told by the path', async () => {
    const image = made('btrfs');
    const full = await refusal(change(image, [write('/big', Buffer.alloc(200 * MIB, 1))]));
    expect(full).toEqual({ code: 'GUEST_CHANGE_IMPOSSIBLE', data: { path: '/big', reason: 'volume-full' } });
  });

  test.each(['xfs', 'btrfs', 'ntfs'] as const)(
    '%s: whoever is killed leaves nothing mounted and no loop device',
    async (kind) => {
      const image = made(kind);
      const before = mountsAndLoops();
      const holder = join(import.meta.dirname, '../../support/holds-mount.ts');
      const args = [holder, image, String(AT_BYTES), String(SIZES[kind] * MIB), kind];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      await new Promise((resolve) => child.stdout.once('data', resolve));
      // nobody else sees it
      expect(mountsAndLoops()[0]).toEqual(before[0]);
      expect(mountsAndLoops()[1]).not.toEqual(before[1]);
      child.kill('SIGKILL');
      await expect.poll(mountsAndLoops, { timeout: 60_000 }).toEqual(before);
      expectSound(kind, image);
    },
  );
});
