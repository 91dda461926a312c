/** What a journal holds, as debugfs writes it, against the recovery of e2fsck. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readBytes } from '../../../src-engine/disk/read.ts';
import { readJournal } from '../../../src-engine/filesystems/ext/journal.ts';
import { replayedVolume } from '../../../src-engine/filesystems/ext/replayed.ts';
import { readSuperblock } from '../../../src-engine/filesystems/ext/superblock.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { emptyImage, MIB, noise, run, scratchFolder } from './images.ts';

const folder = scratchFolder();
const BLOCK = 1024;

/** A block that looks like one of the journal itself is stored with its first bytes zeroed. */
const lookalike = Buffer.concat([Buffer.from([0xc0, 0x3b, 0x39, 0x98]), noise('lookalike', BLOCK - 4)]);

const CONTENTS: Record<string, Buffer> = {
  first: noise('first', 3 * BLOCK),
  second: noise('second', BLOCK),
  third: noise('third', 2 * BLOCK),
  lookalike,
};

/** Free blocks are written: 3500 twice, 3501 and revoked, 3502 and revoked and again, 3503 once, 3504 a lookalike. */
const SCRIPT = [
  'jw -b 3500,3501,3502 FOLDER/first',
  'jw -b 3500 FOLDER/second',
  'jw -r 3501,3502',
  'jw -b 3502,3503 FOLDER/third',
  'jw -b 3504 FOLDER/lookalike',
  'jc',
];

/** Moves the log on by some blocks: it is a ring over all blocks of the journal but the first. */
function turnLog(image: string, byBlocks: number): void {
  const bytes = readFileSync(image);
  const [first, ...rest] = run('debugfs', ['-R', 'blocks <8>', image]).trim().split(/\s+/).map(Number);
  const log = rest.map((block) => Buffer.from(bytes.subarray(block * BLOCK, (block + 1) * BLOCK)));
  log.forEach((block, i) => block.copy(bytes, rest[(i + byBlocks) % rest.length] * BLOCK));
  expect(bytes.readUInt32BE(first * BLOCK + 0x1c)).toBe(1);
  bytes.writeUInt32BE(1 + byBlocks, first * BLOCK + 0x1c);
  writeFileSync(image, bytes);
}

test.each<[string, string[], string, number?]>([
  ['without checksums', [], 'jo'],
  ['that goes over its end', [], 'jo', 1015],
  ['with checksums of version 2', [], 'jo -c -v 2'],
  ['with checksums of version 3', [], 'jo -c -v 3'],
  ['of 32-bit block numbers', ['-O', '^64bit'], 'jo'],
  ['of 32-bit block numbers with checksums of version 2', ['-O', '^64bit'], 'jo -c -v 2'],
  ['of an ext3, with pointers for its blocks', ['-t', 'ext3'], 'jo'],
])('a journal %s is read as e2fsck recovers it', async (_, args, open, turnedBy = 0) => {
  for (const [name, bytes] of Object.entries(CONTENTS)) writeFileSync(join(folder, name), bytes);
  const image = emptyImage(join(folder, 'image'), 8 * MIB);
  run('mkfs.ext4', ['-q', '-F', '-b', String(BLOCK), ...args, image]);
  run('debugfs', ['-w', '-f', '-', image], [open, ...SCRIPT].join('\n').replaceAll('FOLDER', folder));
  if (turnedBy > 0) turnLog(image, turnedBy);

  const source = await openFileSource(image);
  const sb = (await readSuperblock(source))!;
  const journal = await readJournal(source, sb);
  expect([...journal.copies.keys()].sort()).toEqual([3500, 3502, 3503, 3504]);
  const view = replayedVolume(source, sb.blockBytes, journal);
  const replayed = await readBytes(view, 3498 * BLOCK + 7, 10 * BLOCK);
  await source.close();

  run('sh', ['-c', 'e2fsck -fy "$1" || test $? = 1', 'sh', image]);
  const recovered = readFileSync(image).subarray(3498 * BLOCK + 7, 3508 * BLOCK + 7);
  expect(replayed.equals(recovered)).toBe(true);
  expect(replayed.subarray(6 * BLOCK - 7, 7 * BLOCK - 7).equals(lookalike)).toBe(true);
  expect(replayed.subarray(2 * BLOCK - 7, 3 * BLOCK - 7).equals(CONTENTS.second)).toBe(true);
});

test('a copy whose checksum is wrong is not believed', async () => {
  const image = emptyImage(join(folder, 'wrong'), 8 * MIB);
  writeFileSync(join(folder, 'second'), CONTENTS.second);
  run('mkfs.ext4', ['-q', '-F', '-b', String(BLOCK), image]);
  run('debugfs', ['-w', '-f', '-', image], `jo -c -v 3\njw -b 3500 ${folder}/second\njc`);
  const bytes = readFileSync(image);
  bytes[bytes.indexOf(CONTENTS.second) + 500] ^= 1;
  writeFileSync(image, bytes);
  const source = await openFileSource(image);
  const view = replayedVolume(source, BLOCK, await readJournal(source, (await readSuperblock(source))!));
  await expect(readBytes(view, 3500 * BLOCK, 1)).rejects.toMatchObject({
    code: 'FORMAT_INVALID',
    data: { checksum: 'journal copy' },
  });
  await source.close();
});
