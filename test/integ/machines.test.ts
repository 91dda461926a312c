/** Attached disks and image files against the running kernel: loop devices, mounts, exclusive opens, QEMU. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Refusal } from '../../src-engine/contract/disk.contract.ts';
import { thisMachine } from '../../src-engine/machines/this-machine.ts';

const MIB = 1024 * 1024;
const machine = thisMachine();
const isLinuxRoot = process.platform === 'linux' && process.getuid?.() === 0;
if (!isLinuxRoot) console.warn('SKIPPED: attached disks are tested with loop devices, which needs Linux and root');

const run = (tool: string, ...args: string[]) => execFileSync(tool, args, { encoding: 'utf8', stdio: 'pipe' }).trim();
const codes = (refusals: Refusal[] | undefined) => refusals?.map((refusal) => refusal.code);

let folder: string;
let image: string;
let mountPoint: string;
/** run in reverse order */
let undo: (() => unknown)[];

beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'machines-')));
  undo = [() => rmSync(folder, { recursive: true })];
  image = path.join(folder, 'disk.img');
  mountPoint = path.join(folder, 'mount point');
  mkdirSync(mountPoint);
  writeFileSync(image, '');
  truncateSync(image, 32 * MIB);
});
afterEach(async () => {
  for (const step of undo.reverse()) await step();
});

function attach(...options: string[]): string {
  const device = run('losetup', '-f', '--show', ...options, image);
  undo.push(() => run('losetup', '-d', device));
  return device;
}

function mount(device: string, ...options: string[]): void {
  run('mount', ...options, device, mountPoint);
  undo.push(() => run('umount', mountPoint));
}

/** Starts a process that lives until the end of the test; resolves when it has said something. */
async function start(tool: string, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(tool, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  undo.push(() => {
    child.kill('SIGKILL');
    return ended;
  });
  await once(child.stdout, 'data');
  return child;
}

const deviceAt = async (device: string, catalog = '/nowhere') =>
  (await machine.listDevices(catalog)).find(({ path: at }) => at === device);

describe.skipIf(!isLinuxRoot)('loop devices', () => {
  test('one that nobody uses may be captured and deployed to', async () => {
    const device = attach();
    expect(await deviceAt(device)).toMatchObject({
      model: 'disk.img',
      serial: '',
      bus: 'loop',
      lengthBytes: 32 * MIB,
      sectorBytes: 512,
      captureRefusals: [],
      deployRefusals: [],
    });
    run('losetup', '-d', device);
    expect(await deviceAt(device)).toBeUndefined();
    undo.splice(-1);
  });

  test('4096-byte sectors and a later size, by path, by link and by handle', async () => {
    const device = attach('-b', '4096');
    const link = path.join(folder, 'by-id');
    symlinkSync(device, link);
    const expected = { kind: 'device', path: device, lengthBytes: 32 * MIB, sectorBytes: 4096, model: 'disk.img' };
    expect(await machine.placeOf(link)).toMatchObject(expected);
    const fd = openSync(link, 'r');
    undo.push(() => closeSync(fd));
    expect(await machine.identifyDevice(fd)).toEqual(await machine.placeOf(device));
    truncateSync(image, 48 * MIB);
    run('losetup', '-c', device);
    expect((await machine.identifyDevice(fd)).lengthBytes).toBe(48 * MIB);
  });

  test('a handle of a file is no device', async () => {
    const fd = openSync(image, 'r');
    undo.push(() => closeSync(fd));
    await expect(machine.identifyDevice(fd)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('a loop device without a file, a character device', async () => {
    const device = attach();
    run('losetup', '-d', device);
    undo.splice(-1);
    await expect(machine.placeOf(device)).rejects.toMatchObject({ data: { reason: 'NOT_A_WHOLE_DISK' } });
    await expect(machine.placeOf('/dev/null')).rejects.toMatchObject({ data: { reason: 'NEITHER_DISK_NOR_FILE' } });
  });

  test('attached read-only', async () => {
    const device = await deviceAt(attach('-r'));
    expect(device).toMatchObject({ isReadOnly: true, captureRefusals: [] });
    expect(codes(device?.deployRefusals)).toEqual(['READ_ONLY']);
  });

  test('mounted read-write', async () => {
    run('mkfs.ext4', '-q', image);
    const device = attach();
    mount(device);
    expect(await deviceAt(device)).toMatchObject({
      mounts: [{ device, path: mountPoint, isReadOnly: false }],
      captureRefusals: [{ code: 'MOUNTED_READ_WRITE', details: [mountPoint] }],
      deployRefusals: [{ code: 'MOUNTED', details: [mountPoint] }],
    });
    expect(await machine.fileRefusals(image, '/nowhere')).toEqual({
      captureRefusals: [{ code: 'MOUNTED_READ_WRITE', details: [`${mountPoint} (${device})`] }],
      deployRefusals: [
        { code: 'MOUNTED', details: [`${mountPoint} (${device})`] },
        { code: 'IN_USE', details: [device] },
      ],
    });
  });

  test('mounted read-only', async () => {
    run('mkfs.ext4', '-q', image);
    const device = attach();
    mount(device, '-o', 'ro');
    const view = await deviceAt(device);
    expect(view).toMatchObject({ mounts: [{ isReadOnly: true }], captureRefusals: [] });
    expect(codes(view?.deployRefusals)).toEqual(['MOUNTED']);
    expect((await machine.fileRefusals(image, '/nowhere')).captureRefusals).toEqual([]);
  });

  test('btrfs, which has a device number of its own', async () => {
    truncateSync(image, 160 * MIB);
    run('mkfs.btrfs', '-q', image);
    const device = attach();
    mount(device);
    expect((await deviceAt(device))?.captureRefusals).toEqual([{ code: 'MOUNTED_READ_WRITE', details: [mountPoint] }]);
  });

  test('the catalog on it', async () => {
    run('mkfs.ext4', '-q', image);
    const device = attach();
    mount(device);
    const catalog = path.join(mountPoint, 'catalog');
    expect(codes((await deviceAt(device, catalog))?.deployRefusals)).toEqual(['HOLDS_CATALOG', 'MOUNTED']);
  });

  test('the kernel is asked for files behind loop devices again only where one has got another', async () => {
    // counts itself, and is losetup
    const asked = path.join(folder, 'asked');
    const tools = path.join(folder, 'tools');
    const real = run('sh', '-c', 'PATH=$PATH:/usr/sbin:/sbin command -v losetup');
    mkdirSync(tools);
    writeFileSync(path.join(tools, 'losetup'), `#!/bin/sh\necho >> ${asked}\nexec ${real} "$@"\n`, { mode: 0o755 });
    const { PATH } = process.env;
    undo.push(() => (process.env.PATH = PATH));
    process.env.PATH = `${tools}:${PATH}`;
    const times = () => readFileSync(asked, 'utf8').length;
    const inode = (file: string) => `file ${statSync(file).dev}:${statSync(file).ino}`;

    const device = run('/bin/sh', '-c', `${real} -f --show ${image}`);
    undo.push(() => run(real, '-d', device));
    expect(await machine.bytesAt(device)).toContain(inode(image));
    const before = times();
    await machine.bytesAt(device);
    await machine.deviceAt(device, '/nowhere');
    expect(times()).toBe(before);

    // the same device, the same path, another file
    run(real, '-d', device);
    const other = path.join(folder, 'other.img');
    writeFileSync(other, '');
    truncateSync(other, 32 * MIB);
    renameSync(other, image);
    run(real, device, image);
    expect(await machine.bytesAt(device)).toContain(inode(image));
    expect(times()).toBeGreaterThan(before);
  });

  test('another loop device on it', async () => {
    const lower = attach();
    const upper = run('losetup', '-f', '--show', lower);
    undo.push(() => run('losetup', '-d', upper));
    const view = await deviceAt(lower);
    expect(view?.captureRefusals).toEqual([{ code: 'IN_USE', details: [upper] }]);
    expect(view?.deployRefusals).toEqual([{ code: 'IN_USE', details: [upper] }]);
  });

  test('claimed by an exclusive open, as by a file system that the kernel does not list', async () => {
    const device = attach();
    const fd = openSync(device, constants.O_RDONLY | constants.O_EXCL);
    undo.push(() => closeSync(fd));
    expect((await deviceAt(device))?.deployRefusals).toEqual([{ code: 'IN_USE', details: [device] }]);
  });

  test('somebody who claims it for a moment only, as whoever lists disks does, does not use it', async () => {
    const device = attach();
    const fd = openSync(device, constants.O_RDONLY | constants.O_EXCL);
    const looking = machine.deviceAt(device, mountPoint);
    setTimeout(() => closeSync(fd), 100);
    expect(await looking).toMatchObject({ captureRefusals: [], deployRefusals: [] });
  });

  test('somebody who writes to it for a moment only does not use it either', async () => {
    const device = attach();
    const fd = openSync(device, constants.O_RDWR);
    const looking = machine.deviceAt(device, mountPoint);
    setTimeout(() => closeSync(fd), 100);
    expect(await looking).toMatchObject({ captureRefusals: [], deployRefusals: [] });
  });

  test('looking does not claim: an exclusive open succeeds afterwards', async () => {
    const device = attach();
    await deviceAt(device);
    closeSync(openSync(device, constants.O_RDWR | constants.O_EXCL));
  });
});

test.skipIf(!isLinuxRoot)('the disk below / is the system disk', async () => {
  const source = run('findmnt', '-no', 'SOURCE', '/');
  const rootDisk = run('lsblk', '-rnso', 'PATH,TYPE', source)
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, type]) => type === 'disk')?.[0];
  expect(rootDisk).toBeDefined();
  expect(codes((await deviceAt(rootDisk ?? ''))?.deployRefusals)).toContain('SYSTEM_DISK');
});

test.skipIf(!isLinuxRoot)('lsblk tells the same disks, sizes and sectors', async () => {
  const { blockdevices } = JSON.parse(run('lsblk', '-Jbdo', 'PATH,TYPE,SIZE,LOG-SEC,PHY-SEC,RO')) as {
    blockdevices: Record<string, string | number | boolean | null>[];
  };
  const told = blockdevices
    .filter((d) => d.type === 'disk' && !/zram|\/ram/.test(String(d.path)))
    .map((d) => [d.path, d.size, d['log-sec'], d['phy-sec'], d.ro]);
  const ours = (await machine.listDevices('/nowhere')).filter((d) => d.bus !== 'loop');
  expect(ours.map((d) => [d.path, d.lengthBytes, d.sectorBytes, d.physicalSectorBytes, d.isReadOnly])).toEqual(told);
});

describe.skipIf(process.platform !== 'linux')('image files in other processes', () => {
  test('open for writing', async () => {
    const child = await start('bash', '-c', 'exec 3<>"$0"; echo ready; read -r', image);
    const inUse = [{ code: 'IN_USE', details: [`bash (${child.pid})`] }];
    expect(await machine.fileRefusals(image, '/nowhere')).toEqual({ captureRefusals: inUse, deployRefusals: inUse });
  });

  test('open for reading', async () => {
    await start('bash', '-c', 'exec 3<"$0"; echo ready; read -r', image);
    expect(await machine.fileRefusals(image, '/nowhere')).toEqual({ captureRefusals: [], deployRefusals: [] });
  });

  test('in QEMU, which writes', async () => {
    const child = await start('qemu-io', '-f', 'raw', image);
    const { captureRefusals, deployRefusals } = await machine.fileRefusals(image, '/nowhere');
    expect(codes(captureRefusals)).toEqual(['IN_USE']);
    expect(captureRefusals[0].details).toEqual([`qemu-io (${child.pid})`, 'OFDLCK']);
    expect(codes(deployRefusals)).toEqual(['IN_USE']);
  });

  test('in QEMU, which reads', async () => {
    await start('qemu-io', '-r', '-f', 'raw', image);
    const { captureRefusals, deployRefusals } = await machine.fileRefusals(image, '/nowhere');
    expect(captureRefusals).toEqual([]);
    expect(deployRefusals).toEqual([{ code: 'IN_USE', details: ['OFDLCK'] }]);
  });
});
