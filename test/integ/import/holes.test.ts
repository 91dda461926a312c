/** Holes of an image are neither read nor hashed, and nothing is lost by that: not what follows them, not the zeros that they stand for. */
import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeExt4, noise, place } from '../../support/disks.ts';
import { openEngine, resultOf } from '../../support/engine.ts';
import { importFrom } from '../../support/transfer.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';
import { expectEqual, readByQemu } from '../formats/virtual-disks.ts';

const bench = workbench();
const engine = await openEngine(bench.path('catalog'));
bench.atEnd(() => engine.close());

const DISK_BYTES = 72 * MIB;
const START_BYTES = MIB;
/** A partition that nothing is known of, and so captured whole: data before, between and behind holes that are longer than a window. */
const raw = bench.path('disk.raw');

function put(path: string, at: number, bytes: Buffer): void {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, at);
  closeSync(file);
}

beforeAll(() => {
  const file = openSync(raw, 'w');
  ftruncateSync(file, DISK_BYTES);
  closeSync(file);
  run('sh', '-c', `echo 2048,,83 | sfdisk -q ${raw}`);
  put(raw, START_BYTES, noise('first', 300_000));
  // one sector alone, and one piece over the border of a window of the partition
  put(raw, 30 * MIB + 7 * 512, noise('alone', 512));
  put(raw, START_BYTES + 48 * MIB - 4096, noise('border', 8192));
  put(raw, DISK_BYTES - 512, noise('last', 512));
});

const convert = (format: string, name: string, ...options: string[]) => {
  const path = bench.path(name);
  run('qemu-img', 'convert', '-f', 'raw', '-O', format, ...options, raw, path);
  return path;
};

/** @returns a chain: the base holds other data wherever the upper image has zero clusters, data, or nothing at all */
function chain(upper: string, base: string, baseFormat: string): string {
  const basePath = bench.path(base);
  const underneath = bench.path('underneath.raw');
  writeFileSync(underneath, noise('underneath', DISK_BYTES));
  run('qemu-img', 'convert', '-f', 'raw', '-O', baseFormat, underneath, basePath);
  const path = bench.path(upper);
  run('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', baseFormat, '-b', base, path);
  const head = bench.path('head');
  writeFileSync(head, readFileSync(raw).subarray(0, 2 * MIB));
  const whole = `write -z 0 ${DISK_BYTES}`;
  run(
    'qemu-io',
    '-c',
    whole,
    '-c',
    `write -s ${head} 0 2M`,
    '-c',
    'write -P 0x5a 33M 1M',
    '-c',
    'discard 40M 8M',
    path,
  );
  return path;
}

const IMAGES: [name: string, qemuFormat: string, make: () => string][] = [
  ['qcow2', 'qcow2', () => convert('qcow2', 'a.qcow2')],
  ['compressed qcow2 of version 2', 'qcow2', () => convert('qcow2', 'b.qcow2', '-c', '-o', 'compat=0.10')],
  ['qcow2 with subclusters', 'qcow2', () => convert('qcow2', 'c.qcow2', '-o', 'extended_l2=on,cluster_size=128k')],
  ['VMDK', 'vmdk', () => convert('vmdk', 'a.vmdk')],
  ['streamed VMDK', 'vmdk', () => convert('vmdk', 'b.vmdk', '-o', 'subformat=streamOptimized')],
  ['VMDK of several extents', 'vmdk', () => convert('vmdk', 'c.vmdk', '-o', 'subformat=twoGbMaxExtentSparse')],
  ['VDI', 'vdi', () => convert('vdi', 'a.vdi')],
  ['dynamic VHD', 'vpc', () => convert('vpc', 'a.vhd', '-o', 'force_size=on')],
  ['VHDX', 'vhdx', () => convert('vhdx', 'a.vhdx')],
  ['zero clusters over a qcow2', 'qcow2', () => chain('d.qcow2', 'd-base.qcow2', 'qcow2')],
  ['zero clusters over a raw disk', 'qcow2', () => chain('e.qcow2', 'e-base.img', 'raw')],
];

describe.skipIf(!canLoop)('onto a device that held something else', () => {
  test.each(IMAGES)('%s', async (name, qemuFormat, make) => {
    const path = make();
    const expected = readByQemu(bench, path, qemuFormat);
    resultOf(await importFrom(engine, path, name));
    const target = bench.file('target', DISK_BYTES, 0xff);
    const device = bench.attach(target);
    resultOf(await engine.deploy(name, device, { confirm: device }));
    bench.detach(device);
    // what lies outside of the partition and is not zeros comes along, the rest of it is free
    const found = readFileSync(target);
    expectEqual(found.subarray(START_BYTES), expected.subarray(START_BYTES), name);
    expectEqual(found.subarray(0, 512), expected.subarray(0, 512), 'table');
  });

  test('zeros that a file has on the disk are written', async () => {
    const disk = bench.file('files.raw', 80 * MIB);
    run('sh', '-c', `echo 2048,,83 | sfdisk -q ${disk}`);
    const ext4 = makeExt4(bench, 'files.ext4', 70 * MIB);
    const point = bench.mount(ext4, 'loop,rw');
    run('dd', 'if=/dev/zero', `of=${point}/zeros`, 'bs=1M', 'count=40', 'conv=fsync', 'status=none');
    bench.unmount(point);
    place(ext4, disk, MIB);
    const path = bench.path('files.qcow2');
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', disk, path);
    resultOf(await importFrom(engine, path, 'files'));
    const target = bench.file('files-target', 80 * MIB, 0xff);
    const device = bench.attach(target);
    resultOf(await engine.deploy('files', device, { confirm: device }));
    bench.detach(device);
    const copy = bench.path('copy.ext4');
    run('dd', `if=${target}`, `of=${copy}`, 'bs=1M', 'skip=1', 'count=70', 'status=none');
    const copied = bench.mount(copy, 'loop,ro,noload');
    expectEqual(readFileSync(`${copied}/zeros`), Buffer.alloc(40 * MIB), 'zeros');
    bench.unmount(copied);
  });
});

test.each(IMAGES.filter(([name]) => !name.startsWith('zero clusters')))(
  '%s cut off is refused',
  async (name, _, make) => {
    const path = make();
    const cut = path.replace('c.vmdk', 'c-s001.vmdk');
    truncateSync(cut, statSync(cut).size - 256 * 1024);
    const job = await importFrom(engine, path, `${name} cut`).catch((error) => error);
    expect(['FILE_TRUNCATED', 'FORMAT_INVALID']).toContain(job.error?.code ?? job.view?.code);
  },
);
