/** VDI images: qemu-img's, and what VirtualBox makes of them besides, by changes of the header that the format foresees. */
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';
import { expectAsQemu, expectContent, makeRaw, openImage } from './virtual-disks.ts';

const bench = workbench();
const raw = makeRaw(bench, 'disk.raw');
const read = (feature: string) => ({ subject: 'VDI', feature, aspect: 'read', judge: 'qemu-img' }) as const;

function convert(options: string): string {
  const path = bench.path('disk.vdi');
  run('qemu-img', 'convert', '-O', 'vdi', '-o', options, raw, path);
  return path;
}

test('dynamic and fixed', async (context) => {
  expect((await expectAsQemu(bench, convert('static=off'), 'vdi')).variant).toBe('dynamic');
  expect((await expectAsQemu(bench, convert('static=on'), 'vdi')).variant).toBe('fixed');
  proves(context, read('dynamic'), read('fixed'));
});

test('blocks of zeros and discarded ones', async (context) => {
  const path = convert('static=off');
  const bytes = readFileSync(path);
  const expected = readFileSync(raw);
  const map = bytes.readUInt32LE(340);
  for (const block of [0, 6]) {
    expect(bytes.readUInt32LE(map + block * 4)).toBeLessThan(100);
    bytes.writeUInt32LE(0xfffffffe, map + block * 4);
    expected.fill(0, block * MIB, (block + 1) * MIB);
  }
  writeFileSync(path, bytes);
  await expectContent(path, expected);
  await expectAsQemu(bench, path, 'vdi');
  proves(context, read('zero blocks, discarded blocks'));
});

test('blocks of another length, with room in front of each', async () => {
  const [blockBytes, extraBytes, blocks] = [65_536, 512, 10];
  const bytes = Buffer.alloc(4096 + 3 * (blockBytes + extraBytes));
  bytes.writeUInt32LE(0xbeda107f, 64);
  bytes.writeUInt32LE(0x00010001, 68);
  bytes.writeUInt32LE(400, 72);
  bytes.writeUInt32LE(1, 76);
  bytes.writeUInt32LE(512, 340);
  bytes.writeUInt32LE(4096, 344);
  bytes.writeUInt32LE(512, 360);
  bytes.writeBigUInt64LE(BigInt(blocks * blockBytes - 1000), 368);
  bytes.writeUInt32LE(blockBytes, 376);
  bytes.writeUInt32LE(extraBytes, 380);
  bytes.writeUInt32LE(blocks, 384);
  const expected = Buffer.alloc(blocks * blockBytes - 1000);
  bytes.fill(0xff, 512, 512 + blocks * 4);
  [4, 9, 1].forEach((block, i) => {
    bytes.writeUInt32LE(i, 512 + block * 4);
    const data = noise(`block ${block}`, blockBytes);
    data.copy(bytes, 4096 + i * (blockBytes + extraBytes) + extraBytes);
    data.copy(expected, block * blockBytes);
  });
  writeFileSync(bench.path('small.vdi'), bytes);
  await expectContent(bench.path('small.vdi'), expected);
});

test('differencing images and old versions are refused by name', async () => {
  for (const [at, value, feature] of [
    [76, 4, 'VDI differencing image'],
    [76, 3, 'VDI differencing image'],
    [68, 1, 'VDI version 0x1'],
  ] as const) {
    const path = convert('static=off');
    const bytes = readFileSync(path);
    bytes.writeUInt32LE(value, at);
    writeFileSync(path, bytes);
    await expect(openImage(path)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED', data: { feature } });
  }
});

test('a file that was cut off says where it ends and how much is missing', async () => {
  const path = convert('static=off');
  const cut = bench.path('cut.vdi');
  copyFileSync(path, cut);
  const endBytes = statSync(path).size - 3 * MIB;
  truncateSync(cut, endBytes);
  const { source } = await openImage(cut);
  const runs = async () => {
    for await (const _ of source.dataRuns!(0, source.lengthBytes, new AbortController().signal));
  };
  // the last block is that of the end of the disk, of which seven sectors are used
  const data = { endBytes, missingBytes: 2 * MIB + 7 * 512 };
  await expect(runs()).rejects.toMatchObject({ code: 'FILE_TRUNCATED', data });
  await source.close();
});
