/** Who claims a disk: blkid says what it is as a whole, the table or something else. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { readVolumeTree } from '../../../src-engine/inspection/read-volume-tree.ts';
import { emptyImage, MIB, run, scratchFolder } from '../filesystems/images.ts';

const folder = scratchFolder();
const LENGTH = 20 * MIB;

async function treeOf(image: string) {
  const source = await openFileSource(image);
  try {
    return await readVolumeTree(source);
  } finally {
    await source.close();
  }
}

/** A disk with an MBR and a partition that ends where the disk ends. */
function partitioned(name: string): string {
  const image = emptyImage(join(folder, name), LENGTH);
  writeFileSync(join(folder, 'table'), '2048,,83\n');
  run('bash', ['-c', 'sfdisk -q "$1" < "$2"', '-', image, join(folder, 'table')]);
  return image;
}

function put(image: string, offsetBytes: number, bytes: Buffer): void {
  const disk = readFileSync(image);
  bytes.copy(disk, offsetBytes);
  writeFileSync(image, disk);
}

const sector = (write: (block: Buffer) => void): Buffer => {
  const block = Buffer.alloc(512);
  write(block);
  return block;
};

const via = sector((block) => {
  block.writeUInt16LE(0xaa55, 0);
  block[50] = 0xff;
});
const silicon = sector((block) => {
  block.writeUInt32LE(0x2f000000, 0x60);
  block.writeUInt16LE(0x10000 - 0x2f00, 0x13e);
});
const adaptec = sector((block) => {
  block.writeUInt32BE(0x37fc4d1e, 0);
  block.write('DPTM', 256);
});
const jmicron = sector((block) => {
  block.write('JM', 0);
  block.writeUInt16LE(0x10000 - 0x4d4a, 4);
});
const ddf = sector((block) => {
  block.writeUInt32BE(0xde11de11, 0);
  block.write('01.02.00', 32);
});
const text = (words: string) => sector((block) => block.write(words, 0));

test.each([
  ['isw_raid_member', 2, text('Intel Raid ISM Cfg Sig. 1.3.00')],
  ['lsi_mega_raid_member', 1, text('$XIDE$')],
  ['via_raid_member', 1, via],
  ['silicon_medley_raid_member', 1, silicon],
  ['nvidia_raid_member', 2, text('NVIDIA  ')],
  ['promise_fasttrack_raid_member', 63, text('Promise Technology, Inc.')],
  ['promise_fasttrack_raid_member', 3087, text('Promise Technology, Inc.')],
  ['hpt45x_raid_member', 11, sector((block) => block.writeUInt32LE(0x5a7816f3, 0))],
  ['adaptec_raid_member', 1, adaptec],
  ['jmicron_raid_member', 1, jmicron],
  ['ddf_raid_member', 1, ddf],
  ['ddf_raid_member', 257, ddf],
])(
  '%s, %i sectors before the end: the disk is that, with the table of its former life',
  async (name, sectors, block) => {
    const image = partitioned(`${name}-${sectors}.img`);
    expect((await treeOf(image)).layout).toMatchObject({ table: 'mbr', warnings: [] });
    put(image, LENGTH - sectors * 512, block);
    expect(run('blkid', ['-p', '-o', 'value', '-s', 'TYPE', image]).trim()).toBe(name);
    const { layout, partitions } = await treeOf(image);
    expect(layout).toMatchObject({ table: 'none', warnings: [{ code: 'DISK_CLAIMED_WHOLE', data: { name } }] });
    expect(partitions.map(({ content }) => content.recognised)).toEqual([name]);
  },
);

test('an entry of type 0 with a length is a partition, as for the kernel', async () => {
  const image = emptyImage(join(folder, 'zero-type.img'), LENGTH);
  writeFileSync(join(folder, 'table'), '2048,2048,83\n8192,8192,0\n');
  run('bash', ['-c', 'sfdisk -q "$1" < "$2"', '-', image, join(folder, 'table')]);
  run('mke2fs', ['-q', '-F', '-t', 'ext4', '-E', `offset=${8192 * 512}`, image, '4M']);
  const { partitions } = await treeOf(image);
  expect(partitions.map(({ content }) => content.fileSystem?.kind ?? null)).toEqual([null, 'ext4']);
});
