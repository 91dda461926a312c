/** What we write, judged by qemu-img: checked, compared, converted back; and read again by ourselves. */
import { existsSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import {
  createImage,
  lengthRule,
  WRITTEN_FORMATS,
  type WrittenFormat,
} from '../../../src-engine/formats/create-image.ts';
import type { ImageWriter, OutputFile } from '../../../src-engine/formats/image-writer.port.ts';
import { outputFile } from '../../../src-engine/formats/raw/output-file.ts';
import { proves } from '../../support/matrix.ts';
import { randomBelow } from '../../support/temporary.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';
import { expectAsQemu, expectContent, expectEqual, makeRaw, openImage, readByQemu } from './virtual-disks.ts';

const bench = workbench();
const raw = makeRaw(bench, 'disk.raw');
const disk = readFileSync(raw);
const TIB = 2 ** 40;
const SECTORS = { sectorBytes: 512, physicalSectorBytes: 512 };

const QEMU: Record<WrittenFormat, string> = {
  raw: 'raw',
  qcow2: 'qcow2',
  'qcow2-zlib': 'qcow2',
  vmdk: 'vmdk',
  'vmdk-stream': 'vmdk',
  vdi: 'vdi',
  vhd: 'vpc',
  vhdx: 'vhdx',
};
const ROW: Record<WrittenFormat, [subject: string, feature: string]> = {
  raw: ['raw', 'sparse'],
  qcow2: ['qcow2', 'zstd compression'],
  'qcow2-zlib': ['qcow2', 'zlib compression'],
  vmdk: ['VMDK', 'monolithicSparse'],
  'vmdk-stream': ['VMDK', 'streamOptimized'],
  vdi: ['VDI', 'dynamic'],
  vhd: ['VHD', 'dynamic'],
  vhdx: ['VHDX', 'dynamic'],
};

async function create(format: WrittenFormat, lengthBytes: number, options = SECTORS) {
  const path = bench.path(`written.${format}`);
  rmSync(path, { force: true });
  const writer = await createImage(format)(outputFile(await open(path, 'wx'), path), lengthBytes, options);
  return { path, writer };
}

async function writeAll(writer: ImageWriter, bytes: Buffer, pieceBytes: () => number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes()));
    await writer.write(at, piece);
    at += piece.length;
    // the memory is ours again
    piece.fill(0xee);
  }
  await writer.finish();
}

/** qemu-img has no check for VHD and raw images. */
function check(format: WrittenFormat, path: string): void {
  if (format === 'raw' || format === 'vhd') return;
  expect(run('qemu-img', 'check', '-f', QEMU[format], path)).toContain('No errors were found');
}

describe.each(WRITTEN_FORMATS.map((format) => [format]))('%s', (format) => {
  test('whole windows, and pieces of any length', async (context) => {
    const below = randomBelow(7);
    for (const pieceBytes of [() => 8 * MIB, () => 1 + below(300_000)]) {
      const { path, writer } = await create(format, disk.length);
      expect(writer.lengthBytes).toBe(disk.length);
      await writeAll(writer, disk, pieceBytes);
      check(format, path);
      run('qemu-img', 'compare', '-f', QEMU[format], '-F', 'raw', path, raw);
      expectEqual(readByQemu(bench, path, QEMU[format]), disk, 'converted back');
      if (format !== 'raw') await expectContent(path, disk);
    }
    const [subject, feature] = ROW[format];
    proves(context, { subject, feature, aspect: 'write', judge: 'qemu-img' });
  });

  test('only pieces that hold data: holes are never written, nor zeros', async () => {
    const { path, writer } = await create(format, disk.length);
    for (const [from, to] of [
      [MIB, 2 * MIB],
      [6 * MIB + 512, 6 * MIB + 1024],
      [9 * MIB, 10 * MIB],
    ]) {
      await writer.write(from, disk.subarray(from, to));
    }
    await writer.finish();
    check(format, path);
    const expected = Buffer.alloc(disk.length);
    disk.copy(expected, MIB, MIB, 2 * MIB);
    disk.copy(expected, 6 * MIB + 512, 6 * MIB + 512, 6 * MIB + 1024);
    expectEqual(readByQemu(bench, path, QEMU[format]), expected, 'converted back');
    expect(statSync(path).blocks * 512).toBeLessThan(2 * MIB);
  });

  test('an empty disk, one of a sector, one of an odd length', async () => {
    for (const lengthBytes of [0, 512, MIB + 100]) {
      const { path, writer } = await create(format, lengthBytes);
      if (lengthBytes > 0) await writer.write(lengthBytes - 100, Buffer.alloc(100, 7));
      await writer.finish();
      expect(writer.lengthBytes).toBe(format === 'raw' ? lengthBytes : Math.ceil(lengthBytes / 512) * 512);
      if (format === 'raw') expect(statSync(path).size).toBe(lengthBytes);
      else if (lengthBytes === 0) await (await openImage(path)).source.close();
      else {
        check(format, path);
        const expected = Buffer.alloc(writer.lengthBytes);
        expected.fill(7, lengthBytes - 100, lengthBytes);
        expectEqual(readByQemu(bench, path, QEMU[format]), expected, 'converted back');
      }
    }
  });

  test('a disk of 1.9 TiB with little on it', async () => {
    const lengthBytes = 1.9 * TIB - ((1.9 * TIB) % 512);
    const { path, writer } = await create(format, lengthBytes);
    const places = [0, 700 * 2 ** 30 + 512, lengthBytes - 4096];
    for (const at of places) await writer.write(at, Buffer.alloc(4096, 9));
    await writer.finish();
    check(format, path);
    const reads = places.flatMap((at) => [
      '-c',
      `read -P 9 ${at} 4096`,
      '-c',
      `read -P 0 ${Math.max(4096, at - 65_536)} 512`,
    ]);
    expect(run('qemu-io', '-r', '-f', QEMU[format], ...reads, path)).not.toContain('failed');
    expect(statSync(path).blocks * 512).toBeLessThan(20 * MIB);
    const { maxBytes, overheadBytes } = lengthRule(format, SECTORS);
    expect(lengthBytes).toBeLessThan(maxBytes);
    expect(overheadBytes(lengthBytes)).toBeLessThan(lengthBytes / 100);
    rmSync(path);
  });

  test('aborted, or on a file that cannot be written to: nothing is left', async () => {
    const { path, writer } = await create(format, disk.length);
    await writer.write(0, disk.subarray(0, 8 * MIB));
    await writer.abort();
    expect(existsSync(path)).toBe(false);

    const { path: full, writer: failing } = await createFailing(format, 300_000);
    const everything = async () => writeAll(failing, disk, () => MIB);
    await expect(everything()).rejects.toThrow('full');
    await failing.abort();
    expect(existsSync(full)).toBe(false);
  });

  test('no disk that is too long', async () => {
    const { maxBytes } = lengthRule(format, SECTORS);
    const file = {} as OutputFile;
    await expect(createImage(format)(file, maxBytes + 512, SECTORS)).rejects.toThrow();
    if (format !== 'raw') {
      const refused = { code: 'FORMAT_UNSUPPORTED', data: { maxBytes } };
      await expect(createImage(format)(file, maxBytes + 512, SECTORS)).rejects.toMatchObject(refused);
    }
  });

  test('a file that is not finished is no image', async () => {
    if (format === 'raw' || format === 'vmdk-stream') return;
    const { path, writer } = await create(format, disk.length);
    await writer.write(0, disk.subarray(0, 8 * MIB));
    await expect(openImage(path)).rejects.toThrow('was not recognised');
    await writer.abort();
  });
});

async function createFailing(format: WrittenFormat, afterBytes: number) {
  const path = bench.path(`failing.${format}`);
  const file = outputFile(await open(path, 'wx'), path);
  let left = afterBytes;
  const failing: OutputFile = {
    ...file,
    async write(offsetBytes, bytes) {
      left -= bytes.length;
      if (left < 0) throw new Error('full');
      await file.write(offsetBytes, bytes);
    },
  };
  return { path, writer: await createImage(format)(failing, disk.length, SECTORS) };
}

test('VHDX keeps sectors of 4096 bytes', async (context) => {
  const { path, writer } = await create('vhdx', 5 * MIB + 512, { sectorBytes: 4096, physicalSectorBytes: 4096 });
  expect(writer.lengthBytes).toBe(5 * MIB + 4096);
  await writer.write(0, disk.subarray(0, 5 * MIB));
  await writer.finish();
  const { source } = await expectContent(path, Buffer.concat([disk.subarray(0, 5 * MIB)], 5 * MIB + 4096));
  expect(source).toMatchObject({ sectorBytes: 4096, physicalSectorBytes: 4096 });
  proves(context, { subject: 'VHDX', feature: 'sectors of 4096 bytes', aspect: 'write', judge: 'read back' });
});

test('a stream is written from front to back', async () => {
  const { path, writer } = await create('vmdk-stream', disk.length);
  await writer.abort();
  const file = outputFile(await open(path, 'wx'), path);
  let endBytes = 0;
  const inOrder: OutputFile = {
    ...file,
    async write(offsetBytes, bytes) {
      expect(offsetBytes).toBe(endBytes);
      endBytes += bytes.length;
      await file.write(offsetBytes, bytes);
    },
    setLength: () => Promise.reject(new Error('not in a stream')),
  };
  await writeAll(await createImage('vmdk-stream')(inOrder, disk.length, SECTORS), disk, () => MIB);
  await expectAsQemu(bench, path, 'vmdk');
  truncateSync(path, MIB);
  await expect(openImage(path)).rejects.toMatchObject({ code: 'FILE_TRUNCATED', data: { endBytes: MIB } });
});

test('the same disk gives the same clusters, whatever the processor is at', async () => {
  const written: Buffer[] = [];
  for (const pieceBytes of [MIB, 70_000]) {
    const { path, writer } = await create('qcow2', disk.length);
    await writeAll(writer, disk, () => pieceBytes);
    written.push(readFileSync(path));
  }
  expectEqual(written[0], written[1], 'second time');
});
