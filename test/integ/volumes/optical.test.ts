/** Disks that begin with the image of an optical disc: the table in it, and what lies behind it. */
import { closeSync, openSync, readFileSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeFat, makeTree, noise, place } from '../../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../../support/engine.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
let tree: string;

beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
  tree = makeTree(bench, 'tree', 3 * MIB);
  writeFileSync(bench.path('tree', 'efi.img'), '');
  truncateSync(bench.path('tree', 'efi.img'), 4 * MIB);
  run('mkfs.vfat', bench.path('tree', 'efi.img'));
  // what lies in the image's free clusters is the image's all the same
  const file = openSync(bench.path('tree', 'efi.img'), 'r+');
  writeSync(file, noise('free clusters', MIB), 0, MIB, 2 * MIB);
  closeSync(file);
  writeFileSync(bench.path('mbr.bin'), noise('boot code', 432));
});
afterAll(() => engine.close());

const EFI = ['-eltorito-alt-boot', '-e', 'efi.img', '-no-emul-boot'];
const boot = () => ['--grub2-mbr', bench.path('mbr.bin')];
const MAKERS: [name: string, options: () => string[]][] = [
  ['a protective label', () => ['--protective-msdos-label']],
  ['partition 1 at 64 sectors', () => [...boot(), ...EFI, '-partition_offset', '16']],
  ['a GPT for EFI', () => [...boot(), ...EFI, '-isohybrid-gpt-basdat']],
  ['a GPT and an Apple map', () => [...boot(), ...EFI, '-isohybrid-gpt-basdat', '-isohybrid-apm-hfsplus']],
];

/** @returns an image on a stick of 48 MiB, and the first whole MiB behind it */
function stick(name: string, options: string[]): { image: string; isoBytes: number; behind: number } {
  const iso = bench.path(`${name}.iso`);
  run('xorriso', '-as', 'mkisofs', '-quiet', '-R', '-V', 'LIVE', '-o', iso, ...options, tree);
  const isoBytes = statSync(iso).size;
  const image = bench.file(`${name}.img`, 48 * MIB);
  place(iso, image, 0);
  return { image, isoBytes, behind: Math.ceil(isoBytes / MIB) * MIB };
}

test.each(MAKERS)('%s: the image is taken to its last byte', async (name, options) => {
  const id = `m${MAKERS.findIndex(([other]) => other === name)}`;
  const { image } = stick(id, options());
  expect(run('blkid', '-p', '-o', 'value', '-s', 'TYPE', image).trim()).toBe('iso9660');
  resultOf(await engine.capture(image, id));
  const target = bench.path('target.img');
  for (const lengthBytes of [48 * MIB, 56 * MIB]) {
    resultOf(await engine.deploy(id, target, { lengthBytes, overwrite: true }));
    if (lengthBytes === 48 * MIB) run('cmp', image, target);
    // the table may move; what the image holds does not
    else run('cmp', '-i', '32768', '-n', String(imageBytes(image) - 32_768), image, target);
    expect(run('blkid', '-p', '-o', 'value', '-s', 'LABEL', target).trim()).toBe('LIVE');
  }
});

// isohybrid lets partition 1 begin with the disk; grml and Debian give it type 0
test.each([
  ['17', 0],
  ['0', 0],
  ['0', 64],
])('a partition behind the image keeps its used blocks only (type %s, from sector %i)', async (type, start) => {
  const id = `behind-${type}-${start}`;
  const { image, isoBytes, behind } = stick(id, []);
  const sectors = Math.ceil(isoBytes / 512);
  write(
    image,
    446,
    mbr([
      [start, sectors - start, Number.parseInt(type, 16)],
      [behind / 512, 32_768, 0x83],
    ]),
  );
  write(image, behind, noise('free blocks', 16 * MIB));
  run('mke2fs', '-q', '-F', '-t', 'ext4', '-E', `nodiscard,offset=${behind}`, image, '16M');

  resultOf(await engine.capture(image, id));
  const disk = (await engine.client.call('template.show', { template: id })).versions[0].disks[0].layout;
  expect(disk.table).toBe('mbr');
  const [last] = disk.volumes.slice(-1);
  expect(last).toMatchObject({ number: 2, captureAs: 'used-blocks', fileSystem: { kind: 'ext4' } });
  expect(last.usedBytes).toBeLessThan(8 * MIB);
  const told = disk.warnings.filter(({ code }) => code === 'PARTITIONS_IN_IMAGE');
  expect(told).toEqual([{ code: 'PARTITIONS_IN_IMAGE', data: expect.objectContaining({ numbers: ['1'] }) }]);
  const target = bench.path('behind.img');
  resultOf(await engine.deploy(id, target, { overwrite: true }));
  run('cmp', '-n', String(behind), image, target);
  run('e2fsck', '-fn', `${target}?offset=${behind}`);
});

test('a stick that was an image once and is partitioned now loses nothing', async () => {
  const { image, isoBytes } = stick('once', []);
  expect(isoBytes).toBeGreaterThan(4 * MIB);
  write(image, 446, mbr([[2048, 65536, 0x0c]]));
  place(makeFat(bench, 'now.fat', 32 * MIB), image, MIB);
  resultOf(await engine.capture(image, 'once'));
  const disk = (await engine.client.call('template.show', { template: 'once' })).versions[0].disks[0].layout;
  expect(disk.volumes).toMatchObject([
    { number: 1, captureAs: 'whole', fileSystem: { kind: expect.stringMatching(/^fat/) } },
  ]);
  const target = bench.path('once-target.img');
  resultOf(await engine.deploy('once', target));
  run('cmp', image, target);
});

/** As long as its own descriptor says (ECMA-119, 8.4.8): what firmware finds behind it belongs to the table. */
function imageBytes(image: string): number {
  return readFileSync(image).readUInt32LE(32_768 + 80) * 2048;
}

function write(image: string, offsetBytes: number, bytes: Uint8Array): void {
  const file = openSync(image, 'r+');
  writeSync(file, bytes, 0, bytes.length, offsetBytes);
  closeSync(file);
}

function mbr(entries: [start: number, sectors: number, type: number][]): Buffer {
  const bytes = Buffer.alloc(66);
  entries.forEach(([start, sectors, type], i) => {
    bytes[i * 16 + 4] = type;
    bytes.writeUInt32LE(start, i * 16 + 8);
    bytes.writeUInt32LE(sectors, i * 16 + 12);
  });
  bytes.writeUInt16LE(0xaa55, 64);
  return bytes;
}
