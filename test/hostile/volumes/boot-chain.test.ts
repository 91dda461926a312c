/** Boot code, cores and loaders that lie: what leads nowhere is told as that, nothing outside of the disk is asked for, and work has an end. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readBootAccount } from '../../../src-engine/boot-chain/boot-account.ts';
import { efiArchitecture } from '../../../src-engine/boot-chain/efi-image.ts';
import { canMoveBiosBoot, movedCorePatches } from '../../../src-engine/boot-chain/moved-core.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { readGrubCore } from '../../../src-engine/volumes/outside-tables/grub-core.ts';
import { readLayout } from '../../../src-engine/volumes/read-layout.ts';
import { countMutation } from '../../support/mutations.ts';
import { writeMbr } from '../../unit/volumes/disks.ts';

const MIB = 1024 * 1024;
const BOOT = '/usr/lib/grub/i386-pc/boot.img';
const hasGrub = existsSync(BOOT);
if (!hasGrub) console.warn('SKIPPED: boot chains that lie: grub-pc-bin is not installed');
const { signal } = new AbortController();

/** GRUB's own boot sector and first sector of a core, in front of one partition. */
function grubDisk(): Buffer {
  const disk = Buffer.alloc(4 * MIB);
  writeMbr(disk, [{ type: 0x83, start: 2048, count: 4096 }]);
  readFileSync(BOOT).copy(disk, 0, 0, 440);
  disk.writeBigUInt64LE(1n, 0x5c);
  readFileSync('/usr/lib/grub/i386-pc/diskboot.img').copy(disk, 512);
  writeBlock(disk, 0, 2n, 60);
  return disk;
}

function writeBlock(disk: Buffer, index: number, startSector: bigint, sectors: number): void {
  const at = 1024 - 12 * (index + 1);
  disk.writeBigUInt64LE(startSector, at);
  disk.writeUInt16LE(sectors, at + 8);
}

async function accountOf(disk: Buffer) {
  const source = memorySource(disk);
  return readBootAccount(source, await readLayout(source), [], signal);
}

describe.skipIf(!hasGrub)('a boot sector of GRUB', () => {
  test('and a core as GRUB makes them are read', async () => {
    const { bios } = await accountOf(grubDisk());
    expect(bios).toMatchObject({ code: 'grub', core: { startBytes: 512, lengthBytes: 61 * 512, volume: null } });
    expect(bios.core!.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each<[string, (disk: Buffer) => void]>([
    ['to itself', (disk) => disk.writeBigUInt64LE(0n, 0x5c)],
    ['behind the disk', (disk) => disk.writeBigUInt64LE(8192n, 0x5c)],
    ['far behind every disk', (disk) => disk.writeBigUInt64LE(2n ** 64n - 1n, 0x5c)],
    ['to what is no core', (disk) => disk.writeBigUInt64LE(500n, 0x5c)],
  ])('that leads %s has no core', async (_, break_) => {
    const disk = grubDisk();
    break_(disk);
    expect(await readGrubCore(memorySource(disk))).toBeNull();
    expect((await accountOf(disk)).bios.core).toBeNull();
  });

  test.each<[string, (disk: Buffer) => void]>([
    ['that leaves the disk', (disk) => writeBlock(disk, 1, 8190n, 3)],
    ['of 2^64 sectors', (disk) => writeBlock(disk, 1, 2n ** 64n - 1n, 0xffff)],
    ['of nothing', (disk) => writeBlock(disk, 0, 0n, 0)],
  ])('with a list %s is not whole: nothing of it is moved, and it is told as another one', async (_, break_) => {
    const disk = grubDisk();
    break_(disk);
    const source = memorySource(disk);
    const layout = await readLayout(source);
    expect((await accountOf(disk)).bios.core!.sha256).toBeNull();
    const places = layout.partitions.map((one) => ({ ...one, startBytes: one.startBytes + MIB }));
    expect(await movedCorePatches(source, layout, places)).toEqual([]);
    expect(await canMoveBiosBoot(source, { startBytes: 0, lengthBytes: disk.length })).toBe(false);
  });

  test('whose core lies half in a partition is not moved with it', async () => {
    const disk = grubDisk();
    writeBlock(disk, 1, 3000n, 10);
    const source = memorySource(disk);
    const { partitions } = await readLayout(source);
    expect(await canMoveBiosBoot(source, partitions[0])).toBe(false);
    // where the partition moves as it is, its blocks are found there
    const places = partitions.map((one) => ({ ...one, startBytes: one.startBytes + MIB }));
    const patches = await movedCorePatches(source, { partitions } as never, places);
    expect(patches.map(({ offsetBytes, bytes }) => [offsetBytes, Buffer.from(bytes).readBigUInt64LE()])).toEqual([
      [1024 - 24, 3000n + 2048n],
    ]);
    // where a program makes the partition anew, nobody knows where
    expect(await movedCorePatches(source, { partitions } as never, [null])).toEqual([]);
  });

  test('with any byte changed leads to an account, or to none, and never elsewhere', async () => {
    const disk = grubDisk();
    for (let at = 0; at < 1024; at++) {
      const was = disk[at];
      disk[at] = was ^ 0xff;
      countMutation();
      const { bios } = await accountOf(disk);
      disk[at] = was;
      if (!bios.core) continue;
      expect(bios.core.startBytes).toBeLessThan(disk.length);
      expect(bios.core.lengthBytes).toBeLessThanOrEqual(33 * 0xffff * 512);
    }
  });
});

describe('an EFI program', () => {
  const program = (headerAt: number, fill: (header: Buffer) => void = () => {}): Buffer => {
    const head = Buffer.alloc(4096);
    head.write('MZ');
    head.writeUInt32LE(headerAt, 60);
    if (headerAt + 94 > head.length) return head;
    const header = head.subarray(headerAt);
    header.write('PE\0\0');
    header.writeUInt16LE(0x8664, 4);
    header.writeUInt16LE(0x20b, 24);
    header.writeUInt16LE(10, 24 + 68);
    fill(header);
    return head;
  };

  test('is told by its header', () => expect(efiArchitecture(program(128))).toBe('x64'));

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['two letters', Buffer.from('MZ')],
    ['one whose header lies behind it', program(0xffffffff)],
    ['one whose header is cut off', program(4096 - 93)],
    ['a driver', program(128, (header) => header.writeUInt16LE(11, 24 + 68))],
    ['a program of Windows', program(128, (header) => header.writeUInt16LE(3, 24 + 68))],
    ['one for a processor that nobody knows', program(128, (header) => header.writeUInt16LE(0x1234, 4))],
  ])('%s is none', (_, head) => expect(efiArchitecture(head)).toBeNull());
});
