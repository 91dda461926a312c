/** Partclone images of both versions, read as the volumes that they were made of. Partclone makes them, and restores them as the judge. */
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { readBytes } from '../../../src-engine/disk/read.ts';
import { openPartclone } from '../../../src-engine/formats/partclone/reader.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { makeExt4, makeFat } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
let ext4: string;
let fat: string;
beforeAll(() => {
  ext4 = makeExt4(bench, 'ext4', 40 * MIB);
  fat = makeFat(bench, 'fat', 20 * MIB);
});

function clone(tool: string, volume: string, ...options: string[]): string {
  const image = bench.path('image.partclone');
  run(tool, '-c', '-q', '-L', bench.path('log'), '-F', '-s', volume, '-O', image, ...options);
  return image;
}

/** What partclone itself makes of an image. */
function restored(image: string, lengthBytes: number): Buffer {
  const target = bench.file('restored', lengthBytes);
  run('partclone.restore', '-C', '-L', bench.path('log'), '-s', image, '-O', target);
  return readFileSync(target);
}

async function contentOf(
  image: string,
): Promise<{ bytes: Buffer; runs: { startBytes: number; lengthBytes: number }[] }> {
  const file = await openFileSource(image);
  try {
    const { source } = (await openPartclone(file))!;
    const bytes = Buffer.alloc(source.lengthBytes, 0xee);
    for (let at = 0; at < bytes.length; at += 777_777) {
      await source.readInto(at, bytes.subarray(at, Math.min(bytes.length, at + 777_777)));
    }
    const runs = [];
    for await (const batch of source.dataRuns!(0, source.lengthBytes, new AbortController().signal))
      runs.push(...batch);
    return { bytes, runs };
  } finally {
    await file.close();
  }
}

/** The same bytes as partclone restores; what the runs leave out is zeros. */
async function expectAsRestored(image: string, volume: string): Promise<void> {
  const { bytes, runs } = await contentOf(image);
  expect(bytes.equals(restored(image, statSync(volume).size))).toBe(true);
  let endBytes = 0;
  for (const { startBytes, lengthBytes } of runs) {
    expect(bytes.subarray(endBytes, startBytes).every((byte) => byte === 0)).toBe(true);
    endBytes = startBytes + lengthBytes;
  }
  expect(bytes.subarray(endBytes).every((byte) => byte === 0)).toBe(true);
  expect(runs.length).toBeGreaterThan(1);
}

describe('version 2', () => {
  const OPTIONS: [string, string[]][] = [
    ['a sum for each block', ['-k', '1']],
    ['sums for each 1000 blocks', ['-k', '1000']],
    ['no sums', ['-a', '0']],
  ];
  test.each(OPTIONS)('%s', async (_, options) => {
    await expectAsRestored(clone('partclone.ext4', ext4, ...options), ext4);
  });

  test('FAT', async (context) => {
    proves(context, { subject: 'partclone', feature: 'version 2', aspect: 'read', judge: 'partclone' });
    const image = clone('partclone.vfat', fat);
    const { bytes } = await contentOf(image);
    writeFileSync(bench.path('fat.copy'), bytes);
    run('fsck.vfat', '-n', bench.path('fat.copy'));
  });
});

/** Version 1, which partclone reads and no longer writes: built as its specification has it. @param sumBytes 8: the fault of 64-bit builds */
function versionOne(volume: Buffer, used: boolean[], blockBytes: number, sumBytes = 4): Buffer {
  const header = Buffer.alloc(4160);
  header.write('partclone-image', 0, 'latin1');
  header.write('EXTFS', 15, 'latin1');
  header.write('0001', 30, 'latin1');
  header.writeUInt32LE(blockBytes, 36);
  header.writeBigUInt64LE(BigInt(volume.length), 40);
  header.writeBigUInt64LE(BigInt(used.length), 48);
  header.writeBigUInt64LE(BigInt(used.filter(Boolean).length), 56);
  const blocks = used.flatMap((isUsed, i) =>
    isUsed ? [volume.subarray(i * blockBytes, (i + 1) * blockBytes), Buffer.alloc(sumBytes, 0x11)] : [],
  );
  return Buffer.concat([header, Buffer.from(used.map(Number)), Buffer.from('BiTmAgIc'), ...blocks]);
}

test.each([4, 8])('version 1 with sums of %i bytes', async (sumBytes) => {
  const volume = readFileSync(ext4).subarray(0, 64 * 4096);
  const used = Array.from({ length: 64 }, (_, i) => i % 7 < 4);
  const { source } = (await openPartclone(memorySource(versionOne(volume, used, 4096, sumBytes))))!;
  const expected = Buffer.from(volume);
  used.forEach((isUsed, i) => isUsed || expected.fill(0, i * 4096, (i + 1) * 4096));
  expect((await readBytes(source, 0, volume.length)).equals(expected)).toBe(true);
});

describe('damage', () => {
  const failure = (work: Promise<unknown>) =>
    work.then(
      () => null,
      (error) => (error instanceof EngineError ? error : Promise.reject(error)),
    );

  test('cut off: says how much is missing', async () => {
    const image = clone('partclone.ext4', ext4);
    const whole = statSync(image).size;
    truncateSync(image, whole - 5000);
    expect(await failure(contentOf(image))).toMatchObject({
      code: 'FORMAT_INVALID',
      data: { field: 'length', value: String(whole - 5000), missingBytes: 5000 },
    });
  });

  test('a changed bit is found: in the header, the bitmap and any block', async () => {
    const image = clone('partclone.ext4', ext4);
    const whole = readFileSync(image);
    for (const at of [60, 90, 100, 200, 20_000, whole.length - 10, Math.floor(whole.length / 2)]) {
      const changed = Buffer.from(whole);
      changed[at] ^= 4;
      writeFileSync(image, changed);
      expect(await failure(contentOf(image)), `byte ${at}`).toMatchObject({ code: 'FORMAT_INVALID' });
    }
  });
});
