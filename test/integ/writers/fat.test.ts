/** Changes inside FAT, judged by mtools and fsck.fat. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { EngineError } from '../../../src-engine/core/engine-error.ts';
import { writeTree, type GuestTree } from '../../support/guests.ts';
import { AT_BYTES, change, empty, remove, write } from '../../support/written-volumes.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
let count = 0;

const TREE: GuestTree = {
  '/EFI/BOOT/BOOTX64.EFI': 'MZ',
  '/EFI/debian/grub.cfg': 'search.fs_uuid old\n',
  '/loader/entries/a.conf': 'title old\n',
  '/loader/entries/b.conf': 'title old\n',
};

function fat(bits: number, mib: number): string {
  const folder = bench.path(`tree-${count++}`);
  writeTree(folder, TREE);
  const image = bench.file(`disk-${count}.img`, mib * MIB + AT_BYTES);
  run('mkfs.vfat', '-F', String(bits), '--offset', String(AT_BYTES / 512), image, String(mib * 1024));
  run('mcopy', '-s', '-i', `${image}@@${AT_BYTES}`, `${folder}/EFI`, `${folder}/loader`, '::');
  return image;
}

const type = (image: string, path: string) => run('mtype', '-i', `${image}@@${AT_BYTES}`, `::${path}`);
const names = (image: string, path: string) =>
  run('mdir', '-b', '-i', `${image}@@${AT_BYTES}`, `::${path}`).trim().split('\n').filter(Boolean).sort();

function expectSound(image: string): void {
  const volume = bench.path('volume.img');
  writeFileSync(volume, readFileSync(image).subarray(AT_BYTES));
  expect(run('fsck.fat', '-n', volume)).toMatch(/\d+ files, \d+\/\d+ clusters/);
}

const refusal = (changing: Promise<void>) =>
  changing.then(
    () => expect.unreachable('it was to fail'),
    ({ code, data }: EngineError) => ({ code, data }),
  );

test.each([
  [12, 4],
  [16, 16],
  [32, 64],
])('FAT%i gets files and folders and loses others', async (bits, mib) => {
  const image = fat(bits, mib);
  run('mattrib', '+r', '-i', `${image}@@${AT_BYTES}`, '::/EFI/debian/grub.cfg');
  await change(image, [
    write('/efi/DEBIAN/grub.cfg', 'search.fs_uuid new\n'),
    write('/EFI/a new folder/Größe.txt', 'x'.repeat(100_000)),
    remove('/loader/entries/a.conf'),
    remove('/nothing'),
  ]);
  expectSound(image);
  expect(type(image, '/EFI/debian/grub.cfg')).toBe('search.fs_uuid new\n');
  expect(run('mdir', '-b', '-i', `${image}@@${AT_BYTES}`, '::/EFI/a new folder')).toMatch(/Gr.*e\.txt/);
  expect(names(image, '/loader/entries')).toEqual(['::/loader/entries/b.conf']);
  await change(image, [empty('/loader'), remove('/EFI/debian')]);
  expectSound(image);
  expect(names(image, '/EFI')).toEqual(['::/EFI/BOOT/', '::/EFI/a new folder/']);
});

test('a name that mtools reads as a pattern is refused, and a full volume is told by the path', async () => {
  const image = fat(12, 4);
  expect(await refusal(change(image, [remove('/EFI/BOOT'), write('/EFI/[a]', 'x')]))).toMatchObject({
    code: 'GUEST_UNSAFE',
    data: { path: '/EFI/[a]', reason: 'name' },
  });
  const full = await refusal(change(image, [write('/big', Buffer.alloc(6 * MIB, 1))]));
  expect(full).toEqual({ code: 'GUEST_CHANGE_IMPOSSIBLE', data: { path: '/big', reason: 'volume-full' } });
});
