import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { linuxMachine } from '../../../src-engine/machines/linux/linux-machine.ts';
import { thisMachine } from '../../../src-engine/machines/this-machine.ts';
import { FakeKernel } from './fake-kernel.ts';

let kernel: FakeKernel;
let image: string;
let catalog: string;
beforeEach(() => {
  kernel = new FakeKernel();
  catalog = path.join(kernel.root, 'catalog');
  mkdirSync(catalog);
  image = path.join(kernel.root, 'disk.img');
  writeFileSync(image, Buffer.alloc(5000));
});
afterEach(() => kernel.remove());

const refusals = (file = image) => linuxMachine(kernel.roots).fileRefusals(file, catalog);
const none = { captureRefusals: [], deployRefusals: [] };

describe.each(['linux', 'darwin', 'win32'] as const)('files on %s', (platform) => {
  const machine = thisMachine(platform);

  test('a file is a place with 512-byte sectors, named after itself; links are resolved', async () => {
    const link = path.join(kernel.root, 'link');
    symlinkSync(image, link);
    expect(await machine.placeOf(link)).toEqual({
      kind: 'file',
      path: image,
      model: 'disk.img',
      serial: '',
      lengthBytes: 5000,
      sectorBytes: 512,
      physicalSectorBytes: 512,
    });
  });

  test('nothing there, a folder', async () => {
    await expect(machine.placeOf(path.join(kernel.root, 'no'))).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' });
    await expect(machine.placeOf(catalog)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      data: { path: catalog, reason: 'NEITHER_DISK_NOR_FILE' },
    });
  });

  test('a file of nobody, and one that does not exist yet', async () => {
    expect(await machine.fileRefusals(image, catalog)).toEqual(none);
    expect(await machine.fileRefusals(path.join(kernel.root, 'new.img'), catalog)).toEqual(none);
  });

  test('a file in the catalog is not written over, through a link either', async () => {
    const way = path.join(kernel.root, 'way');
    symlinkSync(catalog, way);
    for (const file of [path.join(catalog, 'catalog.db'), path.join(way, 'new.img'), catalog]) {
      expect(await machine.fileRefusals(file, catalog)).toEqual({
        captureRefusals: [],
        deployRefusals: [{ code: 'HOLDS_CATALOG', details: [catalog] }],
      });
    }
    expect(await machine.fileRefusals(`${catalog}-2`, catalog)).toEqual(none);
  });
});

test('where attached disks cannot be reached, the answer is an error', async () => {
  const machine = thisMachine('win32');
  const error = { code: 'UNSUPPORTED_PLATFORM', data: { platform: 'win32' } };
  await expect(machine.listDevices(catalog)).rejects.toMatchObject(error);
  await expect(machine.placeOf('\\\\.\\PhysicalDrive1')).rejects.toMatchObject(error);
  await expect(machine.identifyDevice(0)).rejects.toMatchObject(error);
});

describe('who uses a file on Linux', () => {
  test('mounted read-write through a loop device, however the file is named', async () => {
    const link = path.join(kernel.root, 'link.img');
    symlinkSync(image, link);
    kernel.loop('loop0', '7:0', image);
    kernel.mount({ number: '7:0', at: '/mnt' });
    const where = [`/mnt (${kernel.dev('loop0')})`];
    expect(await refusals(link)).toEqual({
      captureRefusals: [{ code: 'MOUNTED_READ_WRITE', details: where }],
      deployRefusals: [
        { code: 'MOUNTED', details: where },
        { code: 'IN_USE', details: [kernel.dev('loop0')] },
      ],
    });
  });

  test('mounted read-only from a partition of a loop device: may be captured', async () => {
    kernel.loop('loop0', '7:0', image);
    kernel.partition('loop0', 'loop0p1', '259:0');
    kernel.mount({ number: '259:0', at: '/mnt', superOptions: 'ro' });
    expect(await refusals()).toEqual({
      captureRefusals: [],
      deployRefusals: [
        { code: 'MOUNTED', details: [`/mnt (${kernel.dev('loop0p1')})`] },
        { code: 'IN_USE', details: [kernel.dev('loop0')] },
      ],
    });
  });

  test('a loop device over another file is not this one', async () => {
    writeFileSync(`${image}2`, '');
    kernel.loop('loop0', '7:0', `${image}2`);
    kernel.loop('loop1', '7:1', `${image} (deleted)`);
    kernel.mount({ number: '7:0', at: '/mnt' });
    expect(await refusals()).toEqual(none);
  });

  test('LVM in the image', async () => {
    kernel.loop('loop0', '7:0', image);
    kernel.stacked('dm-0', '253:0', ['loop0'], 'vg-lv');
    expect((await refusals()).captureRefusals).toEqual([{ code: 'IN_USE', details: [kernel.dev('mapper/vg-lv')] }]);
  });

  test('a volume of LVM that is mounted, or that another volume stands on', async () => {
    kernel.disk('sda', { number: '8:0' });
    kernel.stacked('dm-0', '253:0', ['sda'], 'vg-lv');
    kernel.write(kernel.dev('mapper/vg-lv'), '');
    kernel.write(kernel.dev('vg/note'), '');
    symlinkSync(kernel.dev('mapper/vg-lv'), kernel.dev('vg/lv'));
    const volume = kernel.dev('vg/lv');
    expect((await refusals(volume)).captureRefusals).toEqual([]);
    kernel.mount({ number: '253:0', at: '/mnt' });
    expect((await refusals(volume)).captureRefusals).toEqual([
      { code: 'MOUNTED_READ_WRITE', details: [`/mnt (${kernel.dev('mapper/vg-lv')})`] },
    ]);
    kernel.stacked('dm-1', '253:1', ['dm-0'], 'secret');
    expect((await refusals(volume)).captureRefusals).toContainEqual({
      code: 'IN_USE',
      details: [kernel.dev('mapper/secret')],
    });
  });

  test('a swap file', async () => {
    kernel.swap(image);
    expect(await refusals()).toEqual({
      captureRefusals: [{ code: 'IN_USE', details: [image] }],
      deployRefusals: [{ code: 'IN_USE', details: [image] }],
    });
  });

  function process(pid: number, flags: string, inode?: number): void {
    const folder = path.join(kernel.roots.proc, String(pid));
    const ino = inode === undefined ? '' : `ino:\t${inode}\n`;
    kernel.write(path.join(folder, 'comm'), 'editor\n');
    kernel.write(path.join(folder, 'fdinfo/7'), `pos:\t0\nflags:\t${flags}\nmnt_id:\t27\n${ino}`);
    mkdirSync(path.join(folder, 'fd'), { recursive: true });
    symlinkSync(image, path.join(folder, 'fd/7'));
  }

  test.each([
    ['O_WRONLY', '0100001', true],
    ['O_RDWR', '02100002', true],
    ['O_RDONLY', '0100000', false],
  ])('open in another process: %s', async (_what, flags, isWriter) => {
    const inUse = isWriter ? [{ code: 'IN_USE', details: ['editor (4000000001)'] }] : [];
    process(4_000_000_001, flags, statSync(image).ino);
    expect(await refusals()).toEqual({ captureRefusals: inUse, deployRefusals: inUse });
  });

  test('a kernel that does not tell the inode of a descriptor', async () => {
    process(4_000_000_001, '0100001');
    expect((await refusals()).captureRefusals).toEqual([{ code: 'IN_USE', details: ['editor (4000000001)'] }]);
  });

  function lock(kind: string, mode: string, pid: number, range: string, file = image): void {
    const { dev, ino } = statSync(file, { bigint: true });
    const [major, minor] = [(dev >> 8n) & 0xfffn, (dev & 0xffn) | ((dev >> 12n) & 0xfff00n)];
    const where = [major, minor].map((n) => n.toString(16).padStart(2, '0')).join(':');
    kernel.write(
      path.join(kernel.roots.proc, 'locks'),
      `1: ${kind}  ADVISORY  ${mode} ${pid} ${where}:${ino} ${range}\n`,
    );
    kernel.write(path.join(kernel.roots.proc, '77/comm'), 'writer\n');
  }

  test('locked for writing', async () => {
    lock('POSIX', 'WRITE', 77, '0 EOF');
    const inUse = [{ code: 'IN_USE', details: ['writer (77)'] }];
    expect(await refusals()).toEqual({ captureRefusals: inUse, deployRefusals: inUse });
  });

  test('locked for reading: may be captured', async () => {
    lock('FLOCK', 'READ', 77, '0 EOF');
    expect(await refusals()).toEqual({
      captureRefusals: [],
      deployRefusals: [{ code: 'IN_USE', details: ['writer (77)'] }],
    });
  });

  test.each([
    ['QEMU that writes', '100 101', true],
    ['QEMU that reads', '100 100', false],
    ['QEMU that reads and lets nobody write', '201 203', false],
  ])('%s', async (_what, range, isWriter) => {
    lock('OFDLCK', 'READ', -1, range);
    const inUse = [{ code: 'IN_USE', details: ['OFDLCK'] }];
    expect(await refusals()).toEqual({ captureRefusals: isWriter ? inUse : [], deployRefusals: inUse });
  });

  test('a lock on another file', async () => {
    writeFileSync(`${image}2`, '');
    lock('POSIX', 'WRITE', 77, '0 EOF', `${image}2`);
    expect(await refusals()).toEqual(none);
  });
});
