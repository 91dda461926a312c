/** Partition tables made and judged by sfdisk and sgdisk. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../src-engine/disk/memory-source.ts';
import { readLayout } from '../../src-engine/volumes/read-layout.ts';
import { relocated } from '../unit/volumes/relocated.ts';

const MIB = 1024 * 1024;
let folder: string;
beforeAll(() => (folder = mkdtempSync(path.join(tmpdir(), 'volumes-'))));
afterAll(() => rmSync(folder, { recursive: true }));

interface SfdiskPartition {
  node: string;
  start: number;
  size: number;
  type: string;
  name?: string;
  bootable?: boolean;
  uuid?: string;
}
interface SfdiskTable {
  label: string;
  id: string;
  unit: string;
  partitions: SfdiskPartition[];
}

function image(name: string, lengthBytes: number): string {
  const file = path.join(folder, name);
  writeFileSync(file, '');
  truncateSync(file, lengthBytes);
  return file;
}

const run = (tool: string, args: string[], input?: string) => execFileSync(tool, args, { input, encoding: 'utf8' });
function sfdisk(file: string): SfdiskTable {
  const { partitiontable } = JSON.parse(run('sfdisk', ['--json', file])) as { partitiontable: SfdiskTable };
  return { ...partitiontable, partitions: partitiontable.partitions ?? [] };
}

/** Runs `work` on a loop device over `file` that counts in `sectorBytes`. */
function onLoop<T>(file: string, sectorBytes: number, work: (device: string) => T): T {
  const device = run('losetup', ['-f', '--show', '-b', String(sectorBytes), file]).trim();
  try {
    return work(device);
  } finally {
    run('losetup', ['-d', device]);
  }
}

/** @returns what sgdisk complains about, cautions and repairs in memory too; empty for a sound table */
function complaints(device: string): string {
  const { status, stdout, stderr } = spawnSync('sgdisk', ['-v', device], { encoding: 'utf8' });
  const isSound = status === 0 && stdout.includes('No problems found');
  // An array that was put elsewhere on purpose is no fault.
  const said = (stdout + stderr).replace(/Warning: There is a gap[^]*?adjust this\s+gap\./, '');
  return isSound && !/caution|warning|error/i.test(said) ? '' : `${status}\n${stdout}\n${stderr}`;
}

function partitionUuidOf(table: SfdiskTable, at: number, number: number): string {
  const guid = table.partitions.filter((p) => !['5', 'f', '85'].includes(p.type))[at].uuid;
  return guid?.toLowerCase() ?? `${table.id.replace(/^0x/, '')}-${number.toString(16).padStart(2, '0')}`;
}

/** What sfdisk says, in the words of a layout. */
function told(table: SfdiskTable, sectorBytes: number) {
  return (
    table.partitions
      .filter((p) => !['5', 'f', '85'].includes(p.type))
      .map((p) => ({
        number: Number(/(\d+)$/.exec(p.node)?.[1]),
        startBytes: p.start * sectorBytes,
        lengthBytes: p.size * sectorBytes,
        typeId: p.type.toUpperCase().padStart(2, '0'),
        name: p.name ?? '',
        isBootable: p.bootable ?? false,
      }))
      // blkid's words for it: a GUID in lower case; of an MBR the signature and the number
      .map((p, i) => ({ ...p, partitionUuid: partitionUuidOf(table, i, p.number) }))
      .sort((a, b) => a.startBytes - b.startBytes)
  );
}

async function expectAgreement(file: string, table: SfdiskTable, sectorBytes = 512) {
  const layout = await readLayout(memorySource(readFileSync(file), sectorBytes));
  expect(layout.warnings).toEqual([]);
  expect(layout.table).toBe(table.label === 'dos' ? 'mbr' : 'gpt');
  expect(layout.tableId).toBe(table.id.replace(/^0x/, '').toUpperCase());
  expect(layout.partitions.map(({ isLogical: _, ...rest }) => rest)).toEqual(told(table, sectorBytes));
  return layout;
}

describe('layouts by sfdisk', () => {
  test.each([
    ['gpt, three', 'label: gpt\nsize=8MiB,type=U,name=esp\nsize=16MiB,type=L,name="größe 1"\ntype=S\n'],
    ['gpt, numbers out of order', 'label: gpt\n7: start=40960,size=2048\n3: start=2048,size=4096\n'],
    ['gpt, 256 entries', 'label: gpt\ntable-length: 256\n200: size=1MiB\n'],
    ['gpt, legacy boot', 'label: gpt\nsize=8MiB,attrs=RequiredPartition\n'],
    ['mbr, one', 'label: dos\nlabel-id: 0x1234abcd\ntype=83,bootable\n'],
    ['mbr, four', 'label: dos\nsize=2MiB,type=c\nsize=2MiB,type=7\nsize=2MiB,type=82\ntype=83\n'],
    ['mbr, from sector 63', 'label: dos\nstart=63,size=2048,type=6\n'],
    [
      'mbr, logical',
      'label: dos\nsize=4MiB\nsize=40MiB,type=f\nsize=4MiB\n5: size=4MiB,type=82\n6: size=8MiB\n7: size=1MiB,type=b\n',
    ],
  ])('%s', async (name, script) => {
    const file = image(`${name}.img`, 64 * MIB);
    run('sfdisk', ['-q', file], script);
    await expectAgreement(file, sfdisk(file));
  });

  test('an extended partition without logical ones', async () => {
    const file = image('empty-extended.img', 64 * MIB);
    run('sfdisk', ['-q', file], 'label: dos\nsize=4MiB\nsize=8MiB,type=5\n');
    const layout = await readLayout(memorySource(readFileSync(file)));
    expect(layout.partitions.map((p) => p.number)).toEqual([1]);
    expect(layout.minimumBytes).toBe(13 * MIB);
  });

  test.each(['gpt', 'dos'])('4096-byte sectors: %s', async (label) => {
    const file = image(`4k-${label}.img`, 64 * MIB);
    const table = onLoop(file, 4096, (device) => {
      run('sfdisk', ['-q', device], `label: ${label}\nsize=8MiB\nsize=20MiB\n`);
      return sfdisk(device);
    });
    await expectAgreement(file, table, 4096);
  });
});

describe('tables moved to another size, judged by sgdisk', () => {
  const setups: [string, string[]][] = [
    ['one partition', ['-n', '1:0:+8M']],
    ['many', ['-n', '1:0:+1M', '-n', '5:0:+2M', '-c', '5:äöü', '-A', '5:set:2', '-n', '3:0:+12M', '-t', '3:8200']],
    ['no partition', ['-o']],
    ['array elsewhere', ['-j', '1024', '-n', '1:0:+8M']],
    ['a larger array', ['-S', '512', '-n', '1:0:+8M']],
    ['a hybrid MBR', ['-n', '1:0:+8M', '-n', '2:0:+4M', '-h', '1']],
  ];

  test.each(setups)('%s', async (name, args) => {
    const file = image('sgdisk.img', 64 * MIB);
    run('sgdisk', [...args, file]);
    const before = sfdisk(file);
    const disk = readFileSync(file);
    const { minimumBytes } = await readLayout(memorySource(disk));
    for (const lengthBytes of [minimumBytes, 48 * MIB, 64 * MIB, 96 * MIB + 512, 200 * MIB]) {
      const target = path.join(folder, 'target.img');
      writeFileSync(target, await relocated(disk, lengthBytes));
      expect(complaints(target), `${name} at ${lengthBytes}`).toBe('');
      const after = sfdisk(target);
      const renamed = before.partitions.map((p) => ({ ...p, node: p.node.replace(file, target) }));
      expect(after.partitions).toEqual(renamed);
      expect(after.id).toBe(before.id);
    }
  });

  test('4096-byte sectors', async () => {
    const file = image('4k-move.img', 64 * MIB);
    onLoop(file, 4096, (device) => run('sgdisk', ['-n', '1:0:+8M', '-n', '2:0:+20M', device]));
    const disk = readFileSync(file);
    const { minimumBytes } = await readLayout(memorySource(disk, 4096));
    for (const lengthBytes of [minimumBytes, 96 * MIB]) {
      const target = path.join(folder, '4k-target.img');
      writeFileSync(target, await relocated(disk, lengthBytes, 4096));
      expect(onLoop(target, 4096, complaints)).toBe('');
    }
  });

  test.each([
    ['primary', 512],
    ['backup', 64 * MIB - 512],
  ])('a damaged %s is repaired', async (_which, at) => {
    const file = image('damaged.img', 64 * MIB);
    run('sgdisk', ['-n', '1:0:+8M', file]);
    const disk = readFileSync(file);
    disk[at + 20] ^= 1;
    writeFileSync(file, disk);
    expect(complaints(file)).not.toBe('');
    writeFileSync(file, await relocated(disk, 64 * MIB));
    expect(complaints(file)).toBe('');
  });
});

describe('file systems without a table are not taken for one', () => {
  test.each([
    ['mkfs.vfat', ['-F', '32']],
    ['mkfs.vfat', ['-F', '16', '--mbr=y']],
    ['mkfs.ntfs', ['-F', '-Q', '-q']],
    ['mkfs.exfat', []],
    ['mkfs.ext4', ['-q']],
  ])('%s %j', async (tool, args) => {
    const file = image('bare.img', 64 * MIB);
    execFileSync(tool, [...args, file], { stdio: 'pipe' });
    expect(await readLayout(memorySource(readFileSync(file)))).toMatchObject({
      table: 'none',
      warnings: [],
      partitions: [{ number: null, startBytes: 0, lengthBytes: 64 * MIB }],
    });
  });
});
