/** What Windows leaves behind where it was not shut down: told as ntfs-3g tells it, and captured whole. */
import { closeSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { proves } from '../../support/matrix.ts';
import { attributeOf, editRecordOfImage, makeNtfs, withFixups, withNtfs3g } from '../../support/ntfs.ts';
import { MIB, readUsed, run, scratchFolder } from './images.ts';

const folder = scratchFolder();
const isRoot = process.getuid?.() === 0;
const LENGTH = 16 * MIB;
const WHOLE = [{ startBytes: 0, lengthBytes: LENGTH }];

const fresh = () => makeNtfs(join(folder, 'state.img'), LENGTH);

/** What ntfs-3g makes of the wish to write to it: 0 is fine, 14 hibernated, 15 not cleanly unmounted. */
function probe(image: string): number {
  try {
    run('ntfs-3g.probe', ['--readwrite', image]);
    return 0;
  } catch (error) {
    return (error as { status: number }).status;
  }
}

async function expectState(image: string, code: string): Promise<void> {
  const { fileSystem, extents } = await readUsed(image);
  expect(fileSystem).toMatchObject({ captureAs: 'whole', warnings: [{ code, data: {} }] });
  expect(extents).toEqual(WHOLE);
}

async function expectClean(image: string): Promise<void> {
  const { fileSystem, extents } = await readUsed(image);
  expect(fileSystem).toMatchObject({ captureAs: 'used-blocks', warnings: [] });
  expect(extents.length).toBeGreaterThan(1);
}

test.for([
  ['dirty', 0x0001],
  ['being checked', 0x4000],
] as const)('a volume that is marked as %s', async ([, flag], context) => {
  proves(context, { subject: 'NTFS', feature: 'volumes marked dirty', aspect: 'used blocks', judge: 'ntfsinfo' });
  const image = fresh();
  editRecordOfImage(image, 3, (record) => {
    const attribute = attributeOf(record, 0x70);
    attribute.writeUInt16LE(flag, attribute.readUInt16LE(20) + 10);
  });
  expect(run('ntfsinfo', ['-f', '-m', image])).toContain(`Volume Flags: 0x${flag.toString(16).padStart(4, '0')}`);
  await expectState(image, 'FILESYSTEM_NOT_CLEAN');
});

interface Log {
  readonly isOpen: boolean;
  readonly isMarkedClean?: boolean;
  readonly lsn?: number;
  readonly magic?: string;
  readonly majorVersion?: number;
}

/** A restart page as Windows writes it: [MS] "NTFS log file", as ntfs-3g declares it in logfile.h. */
function restartPage(
  { isOpen, isMarkedClean = false, lsn = 1000, magic = 'RSTR', majorVersion = 1 }: Log,
  logBytes: number,
): Buffer {
  const page = Buffer.alloc(4096);
  page.write(magic, 0, 'latin1');
  page.writeUInt16LE(0x1e, 4);
  page.writeUInt16LE(9, 6);
  page.writeBigUInt64LE(magic === 'CHKD' ? BigInt(lsn) : 0n, 8);
  page.writeUInt32LE(4096, 16);
  page.writeUInt32LE(4096, 20);
  page.writeUInt16LE(0x30, 24);
  page.writeUInt16LE(majorVersion === 1 ? 1 : 0, 26);
  page.writeUInt16LE(majorVersion, 28);
  page.writeUInt16LE(7, 30);
  const area = page.subarray(0x30);
  area.writeBigUInt64LE(BigInt(lsn), 0);
  area.writeUInt16LE(1, 8);
  area.writeUInt16LE(isOpen ? 0xffff : 0, 10);
  area.writeUInt16LE(isOpen ? 0 : 0xffff, 12);
  area.writeUInt16LE(isMarkedClean ? 2 : 0, 14);
  area.writeUInt32LE(67 - logBytes.toString(2).length, 16);
  area.writeUInt16LE(0x40 + 160, 20);
  area.writeUInt16LE(0x40, 22);
  area.writeBigUInt64LE(BigInt(logBytes), 24);
  area.writeUInt16LE(0x30, 36);
  area.writeUInt16LE(0x40, 38);
  const client = area.subarray(0x40);
  client.writeUInt16LE(0xffff, 16);
  client.writeUInt16LE(0xffff, 18);
  withFixups(page);
  return page;
}

function writeLog(image: string, logs: Log[]): void {
  const [, lcn, clusters] = /^\s+0\s+(\d+)\s+(\d+)$/m.exec(run('ntfscluster', ['-q', '-I', '2', image]))!.map(Number);
  const file = openSync(image, 'r+');
  logs.forEach((log, i) => writeSync(file, restartPage(log, clusters * 4096), 0, 4096, lcn * 4096 + i * 4096));
  closeSync(file);
}

describe('the log', () => {
  test.for<[string, Log[], number]>([
    ['closed', [{ isOpen: false }, { isOpen: false }], 0],
    ['open', [{ isOpen: true }, { isOpen: true }], 15],
    [
      'open, and marked as clean',
      [
        { isOpen: true, isMarkedClean: true },
        { isOpen: true, isMarkedClean: true },
      ],
      0,
    ],
    [
      'opened after it was closed',
      [
        { isOpen: false, lsn: 10 },
        { isOpen: true, lsn: 11 },
      ],
      15,
    ],
    [
      'closed after it was open',
      [
        { isOpen: false, lsn: 12 },
        { isOpen: true, lsn: 11 },
      ],
      0,
    ],
    [
      'put right by chkdsk',
      [
        { isOpen: false, magic: 'CHKD' },
        { isOpen: false, magic: 'CHKD' },
      ],
      0,
    ],
    ['of Windows 8, which keeps metadata in memory', [{ isOpen: false, majorVersion: 2 }], 14],
    ['of nobody', [{ isOpen: false, magic: 'NULL' }], 15],
  ])('%s', async ([, logs, status], context) => {
    proves(context, {
      subject: 'NTFS',
      feature: 'logs that were not closed',
      aspect: 'used blocks',
      judge: 'ntfs-3g.probe',
    });
    const image = fresh();
    writeLog(image, logs);
    expect(probe(image)).toBe(status);
    if (status === 0) await expectClean(image);
    else await expectState(image, 'FILESYSTEM_NOT_CLEAN');
  });
});

describe.skipIf(!isRoot)('hiberfil.sys (needs root to mount)', () => {
  test.for<[string, (path: string) => void, number | null, boolean]>([
    ['of a machine that sleeps', (path) => writeFileSync(path, Buffer.alloc(8192, 'hibr')), 14, true],
    ['of Windows 8 and fast startup', (path) => writeFileSync(path, Buffer.alloc(8192, 'HIBR')), 14, true],
    ['that was being read', (path) => writeFileSync(path, Buffer.alloc(8192, 'RSTR')), null, true],
    ['of a wake-up that failed', (path) => writeFileSync(path, Buffer.alloc(8192, 'wake')), null, true],
    ['of zeros', (path) => writeFileSync(path, Buffer.alloc(8192)), 0, false],
    ['that is empty', (path) => writeFileSync(path, ''), null, false],
    ['with a hole in front', (path) => (writeFileSync(path, ''), truncateSync(path, MIB)), 0, false],
  ])('%s', async ([, write, status, isHibernated], context) => {
    proves(context, {
      subject: 'NTFS',
      feature: 'hibernated Windows, fast startup',
      aspect: 'used blocks',
      judge: 'ntfs-3g.probe',
    });
    const image = fresh();
    // ntfs-3g knows it by its exact name only
    await withNtfs3g(image, '', (root) => write(join(root, status === null ? 'HiberFil.SYS' : 'hiberfil.sys')));
    if (status !== null) expect(probe(image)).toBe(status);
    if (isHibernated) await expectState(image, 'WINDOWS_HIBERNATED');
    else await expectClean(image);
    rmSync(image);
  });
});

test('cut off at its end: captured whole', async () => {
  const image = fresh();
  truncateSync(image, LENGTH - MIB);
  const { fileSystem, extents } = await readUsed(image);
  const data = { lengthBytes: LENGTH, volumeBytes: LENGTH - MIB };
  expect(fileSystem).toMatchObject({ captureAs: 'whole', warnings: [{ code: 'FILESYSTEM_TRUNCATED', data }] });
  expect(extents).toEqual([{ startBytes: 0, lengthBytes: LENGTH - MIB }]);
});

test('without the copy of its boot sector, and in a volume that is larger', async () => {
  const image = fresh();
  const { extents } = await readUsed(image);
  expect(extents.at(-1)).toEqual({ startBytes: LENGTH - 512, lengthBytes: 512 });
  truncateSync(image, LENGTH - 512);
  const without = await readUsed(image);
  expect(without.fileSystem).toMatchObject({ captureAs: 'used-blocks', lengthBytes: LENGTH - 512, warnings: [] });
  expect(without.extents).toEqual(extents.slice(0, -1));
  truncateSync(image, LENGTH + MIB);
  const larger = await readUsed(image);
  expect(larger.fileSystem).toMatchObject({ captureAs: 'used-blocks', lengthBytes: LENGTH, warnings: [] });
  expect(larger.extents).toEqual(extents);
});
