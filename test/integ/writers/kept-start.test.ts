/** A file that is added to, and is never in memory as a whole: the checkers of file systems and other readers say what is there then. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FileTree } from '../../../src-engine/filesystems/file-tree.port.ts';
import { keptStart } from '../../../src-engine/writers/kept-start.ts';
import type { VolumeChanges } from '../../../src-engine/writers/steps.port.ts';
import { noise } from '../../support/disks.ts';
import { AT_BYTES, carryOut, write } from '../../support/written-volumes.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const LENGTH_BYTES = 12 * MIB + 4097;
const START = noise('start', LENGTH_BYTES);
const MORE = noise('more', 70_001);
const MAX_PIECE_BYTES = MIB;

/** What is to be done to the file of that name, which is read a piece at a time. */
async function adding(tree: FileTree, kind: string, name: string, more: Buffer): Promise<VolumeChanges[]> {
  const node = (await tree.find(tree.root, name))!;
  const content = await tree.open(node);
  const watched = {
    lengthBytes: content.lengthBytes,
    readInto(offsetBytes: number, into: Uint8Array) {
      expect(into.length).toBeLessThanOrEqual(MAX_PIECE_BYTES);
      return content.readInto(offsetBytes, into);
    },
  };
  const kept = await keptStart(watched);
  expect(kept.sha256).toBe(createHash('sha256').update(START).digest('hex'));
  const ownership = { mode: 0o600, userId: 0, groupId: 0 };
  const step = { do: 'put-file', names: [name], change: write(`/${name}`, more), bytes: more, kept } as const;
  return [{ ref: '1', kind, tree, steps: [{ ...step, ...ownership, was: { kind: 'file', node } }] }];
}
const add = (image: string, name: string, more = MORE) =>
  carryOut(image, (tree, kind) => adding(tree, kind, name, more));

const expectWhole = (path: string, ...more: Buffer[]) =>
  expect(readFileSync(path).equals(Buffer.concat([START, ...more]))).toBe(true);
const image = (name: string, mib: number) => bench.file(`${name}.img`, mib * MIB + AT_BYTES);
const whole = () => {
  writeFileSync(bench.path('initrd'), START);
  return bench.path('initrd');
};

test('on ext4, without root and a mount', async () => {
  const disk = image('ext4', 48);
  run('mkdir', bench.path('tree'));
  run('cp', whole(), bench.path('tree/initrd'));
  run('mkfs.ext4', '-q', '-F', '-d', bench.path('tree'), '-E', `offset=${AT_BYTES}`, disk, '48M');
  await add(disk, 'initrd');
  run('e2fsck', '-fn', `${disk}?offset=${AT_BYTES}`);
  run('debugfs', '-R', `dump initrd ${bench.path('ext4.out')}`, `${disk}?offset=${AT_BYTES}`);
  expectWhole(bench.path('ext4.out'), MORE);
});

test('on FAT', async () => {
  const disk = image('fat', 48);
  run('mkfs.vfat', '-F', '32', '--offset', String(AT_BYTES / 512), disk, String(48 * 1024));
  run('mcopy', '-i', `${disk}@@${AT_BYTES}`, whole(), '::/initrd');
  await add(disk, 'initrd');
  run('mcopy', '-n', '-i', `${disk}@@${AT_BYTES}`, '::/initrd', bench.path('fat.out'));
  expectWhole(bench.path('fat.out'), MORE);
});

describe.skipIf(!canLoop)('where the kernel writes', () => {
  test('on btrfs: in its place, and as a file of its own where it has another name besides', async () => {
    const disk = image('btrfs', 160);
    const device = bench.attach(disk, '-o', String(AT_BYTES));
    run('mkfs.btrfs', '-q', device);
    const mounted = (work: (point: string) => void, options = 'ro') => {
      const point = bench.mount(device, options);
      work(point);
      bench.unmount(point);
    };
    mounted((point) => {
      run('cp', whole(), join(point, 'initrd'));
      run('cp', whole(), join(point, 'linked'));
      run('ln', join(point, 'linked'), join(point, 'other name'));
    }, 'rw');
    bench.detach(device);
    await add(disk, 'initrd');
    await add(disk, 'linked');
    const again = bench.attach(disk, '-o', String(AT_BYTES));
    run('btrfs', 'check', again);
    const point = bench.mount(again, 'ro');
    expectWhole(join(point, 'initrd'), MORE);
    expectWhole(join(point, 'linked'), MORE);
    expectWhole(join(point, 'other name'));
    bench.unmount(point);
    bench.detach(again);
  });
});

test('a start that is another by the time it is read back is found', async () => {
  const disk = image('other', 48);
  run('mkdir', bench.path('other'));
  run('cp', whole(), bench.path('other/initrd'));
  run('mkfs.ext4', '-q', '-F', '-d', bench.path('other'), '-E', `offset=${AT_BYTES}`, disk, '48M');
  const changing = carryOut(disk, async (tree, kind) => {
    const [volume] = await adding(tree, kind, 'initrd', MORE);
    const [step] = volume.steps;
    if (step.do !== 'put-file') throw new Error(step.do);
    return [{ ...volume, steps: [{ ...step, kept: { ...step.kept!, sha256: '0'.repeat(64) } }] }];
  });
  await expect(changing).rejects.toMatchObject({ code: 'GUEST_DIFFERS', data: { reason: 'content' } });
});
