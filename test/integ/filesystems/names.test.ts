/** What is recognised, with its label and UUID, against blkid (libblkid 2.38, Debian 12) as the judge. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import { signaturesOf, type Signature } from '../../../src-engine/filesystems/signatures.ts';
import { emptyImage, MIB, noise, run, scratchFolder } from './images.ts';
import { jmicron, LENGTH, WRITTEN } from './named-by-bytes.ts';
import { MADE_BY_TOOLS, MADE_ON_DEVICES } from './named-by-tools.ts';

const folder = scratchFolder();
const isRoot = process.getuid?.() === 0;
let count = 0;

interface Verdict {
  /** 0 where there is one thing, 2 where there is none, 8 where there are several that contradict each other */
  readonly status: number | null;
  readonly type: string | null;
  readonly label: string;
  readonly uuid: string;
}

function judge(path: string): Verdict {
  const { status, stdout } = spawnSync('/sbin/blkid', ['-p', '-o', 'udev', path], { encoding: 'utf8' });
  const said = new Map(stdout.split('\n').map((line) => line.split(/=(.*)/).slice(0, 2) as [string, string]));
  const decoded = (text = '') => text.replace(/\\x([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return {
    status,
    type: said.get('ID_FS_TYPE') ?? null,
    label: decoded(said.get('ID_FS_LABEL_ENC')).trim(),
    // of the log of an XFS it is said under another name
    uuid: decoded(said.get('ID_FS_UUID_ENC') ?? said.get('ID_FS_LOGUUID')),
  };
}

async function recognised(path: string): Promise<Signature | undefined> {
  const source = await openFileSource(path);
  try {
    return (await signaturesOf(source))[0];
  } finally {
    await source.close();
  }
}

async function checkAgainstJudge(path: string, name: string, type: string | null): Promise<void> {
  const verdict = judge(path);
  const found = await recognised(path);
  expect({ name: found?.name, type: verdict.type }).toEqual({ name, type });
  if (type !== null) expect(found).toMatchObject({ label: verdict.label, uuid: verdict.uuid });
  rmSync(path);
}

describe('made by the tool of the thing itself', () => {
  test.each(MADE_BY_TOOLS.map((volume) => [`${volume.name} ${volume.what ?? ''}`.trim(), volume] as const))(
    '%s',
    async (_, { name, blkid = name, make }) => {
      const path = join(folder, `made${count++}.img`);
      make(path);
      await checkAgainstJudge(path, name, blkid);
    },
  );

  test.skipIf(!isRoot).each(MADE_ON_DEVICES.map((volume) => [volume.name, volume] as const))(
    '%s (needs root for a loop device)',
    async (_, { name, blkid = name, make }) => {
      const path = join(folder, `device${count++}.img`);
      make(path);
      await checkAgainstJudge(path, name, blkid);
    },
  );
});

describe('written byte by byte', () => {
  test.each(WRITTEN.map((volume) => [`${volume.name} ${volume.what ?? ''}`.trim(), volume] as const))(
    '%s',
    async (_, { name, blkid = name, lengthBytes = LENGTH, write }) => {
      const path = join(folder, `written${count++}.img`);
      const volume = Buffer.alloc(lengthBytes);
      write(volume);
      writeFileSync(path, volume);
      await checkAgainstJudge(path, name, blkid);
    },
  );
});

describe('is nobody, for blkid too', () => {
  const letters = Buffer.from('Nothing but words, line after line.\n'.repeat(30_000));
  test.each([
    ['zeros', Buffer.alloc(4 * MIB)],
    ['ones', Buffer.alloc(4 * MIB, 0xff)],
    ['noise', noise('nobody', 4 * MIB)],
    ['other noise', noise('nobody either', 4 * MIB + 512)],
    ['text', letters],
    ['a packed stream', Buffer.concat([Buffer.from('1f8b0800', 'hex'), noise('gzip', MIB)])],
    ['ReIsErFs inside a journal', wrong((volume) => void volume.write('ReIsErFs', 8244, 'latin1'))],
    ['UDF that says nothing more', wrong((volume) => void volume.write('BEA01', 32_769, 'latin1'))],
    ['BFS1 alone', wrong((volume) => void volume.write('BFS1', 32, 'latin1'))],
  ])('%s', async (_, bytes) => {
    const path = join(folder, `nobody${count++}.img`);
    writeFileSync(path, bytes);
    expect(judge(path)).toMatchObject({ status: 2, type: null });
    expect(await signaturesOf(memorySource(bytes))).toEqual([]);
    expect(await recogniseFileSystem(memorySource(bytes))).toBe(null);
  });
});

describe('is nobody: libblkid asks for as much from 2.39 or 2.40 on, 2.38 for less', () => {
  test.each([
    ['JM without its sum', wrong((volume) => jmicron(volume.subarray(4 * MIB - 512), 2))],
    ['JM of a level that is none', wrong((volume) => jmicron(volume.subarray(4 * MIB - 512), 0, 6))],
    ['zones whose sum is wrong', wrong((volume) => void volume.write('SFOZ', 0, 'latin1'))],
    ['a second header of LUKS at a place that it does not name', wrong((volume) => secondHeader(volume))],
  ])('%s', async (_, bytes) => {
    expect(await signaturesOf(memorySource(bytes))).toEqual([]);
  });
});

function wrong(write: (volume: Buffer) => void): Buffer {
  const volume = Buffer.alloc(4 * MIB);
  write(volume);
  return volume;
}

function secondHeader(volume: Buffer): void {
  volume.write('SKUL\xba\xbe', 16 * 1024, 'latin1');
  volume.writeUInt16BE(2, 16 * 1024 + 6);
  volume.writeBigUInt64BE(32n * 1024n, 16 * 1024 + 256);
}

/** A piece of an image, to be written over another one. */
function over(path: string, from: string, startBytes: number, lengthBytes: number): void {
  const piece = Buffer.alloc(lengthBytes);
  const source = openSync(from, 'r');
  readSync(source, piece, 0, lengthBytes, startBytes);
  closeSync(source);
  const file = openSync(path, 'r+');
  writeSync(file, piece, 0, piece.length, startBytes);
  closeSync(file);
}

describe('two marks on one volume', () => {
  const make: Record<string, (path: string) => void> = {
    ext4: (path) => void run('mkfs.ext4', ['-q', '-F', path]),
    xfs: (path) => void run('mkfs.xfs', ['-q', '-f', path]),
    btrfs: (path) => void run('mkfs.btrfs', ['-q', '-f', path]),
    swap: (path) => void run('mkswap', [path]),
    ntfs: (path) => void run('mkfs.ntfs', ['-q', '-Q', '-F', path]),
    fat: (path) => void run('mkfs.vfat', ['-F', '32', path]),
    exfat: (path) => void run('mkfs.exfat', [path]),
    luks: (path) => {
      const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
      run('cryptsetup', ['luksFormat', '-q', '--type', 'luks2', ...quick, path, '-'], 'words');
    },
    jfs: (path) => void run('mkfs.jfs', ['-q', path]),
  };
  /** Where the marks of each lie that outlive another. */
  const REMAINS: Record<string, [startBytes: number, lengthBytes: number]> = {
    xfs: [0, 512],
    btrfs: [64 * 1024, 4096],
    swap: [4086, 10],
    ntfs: [0, 512],
    fat: [0, 512],
    luks: [0, 4096],
    jfs: [32 * 1024, 4096],
    ext4: [1024, 1024],
  };
  test.each([
    ['xfs', 'ext4'],
    ['btrfs', 'ext4'],
    ['btrfs', 'swap'],
    ['btrfs', 'ntfs'],
    ['btrfs', 'fat'],
    ['jfs', 'ext4'],
    ['jfs', 'fat'],
    ['luks', 'ntfs'],
    ['luks', 'ext4'],
    ['ext4', 'ntfs'],
    ['ext4', 'fat'],
    ['ext4', 'btrfs'],
    ['ext4', 'jfs'],
    ['swap', 'btrfs'],
    ['ntfs', 'ext4'],
    ['fat', 'btrfs'],
  ])('remains of %s in a %s: one thing only where blkid says one', async (old, young) => {
    const [first, path] = [join(folder, `old${count}.img`), join(folder, `young${count++}.img`)];
    for (const [name, image] of [
      [old, first],
      [young, path],
    ] as const)
      make[name](emptyImage(image, (name === 'xfs' ? 320 : 160) * MIB));
    over(path, first, ...REMAINS[old]);
    await checkDoubt(path);
    rmSync(first);
  });

  test.each(
    ['isw_raid_member', 'ddf_raid_member', 'md-raid', 'jmicron_raid_member', 'promise_fasttrack_raid_member'].flatMap(
      (raid) => ['ext4', 'ntfs', 'fat', 'btrfs', 'exfat'].map((inner) => [raid, inner] as const),
    ),
  )('a member of %s that holds a %s', async (raid, inner) => {
    const path = join(folder, `member${count++}.img`);
    make[inner](emptyImage(path, 128 * MIB));
    const volume = Buffer.alloc(LENGTH);
    WRITTEN.find(({ name, what }) => name === raid && what !== '1.1' && what !== '1.2')!.write(volume);
    const file = openSync(path, 'r+');
    const marks = volume.subarray(LENGTH - MIB);
    writeSync(file, marks, 0, MIB, 127 * MIB);
    closeSync(file);
    await checkDoubt(path);
    rmSync(path, { force: true });
  });

  /** What blkid cannot tell, or takes for something that no used blocks are known of, is captured whole. */
  async function checkDoubt(path: string): Promise<void> {
    const verdict = judge(path);
    const source = await openFileSource(path);
    try {
      const found = await recogniseFileSystem(source).catch((error: { code?: string }) => {
        expect(error.code).toMatch(/^FORMAT_/);
        return null;
      });
      const kind = found?.captureAs === 'used-blocks' ? found.kind.replace(/^fat\d+/, 'vfat') : null;
      if (verdict.status === 8) expect(kind).toBe(null);
      else if (kind !== null) expect(kind).toBe(verdict.type);
    } finally {
      await source.close();
      rmSync(path);
    }
  }
});
