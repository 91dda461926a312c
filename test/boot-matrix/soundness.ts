/** What other people's programs say of a deployed disk before it is started: its table, and each of its file systems. */
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { promisify } from 'node:util';

const exec = promisify(execFile);

const TOOL_TIMEOUT_MS = 300_000;

/** None of them repairs anything. */
const JUDGES: Record<string, readonly string[]> = {
  ext4: ['e2fsck', '-fn'],
  xfs: ['xfs_repair', '-n'],
  btrfs: ['btrfs', 'check', '--readonly'],
  vfat: ['fsck.vfat', '-n'],
};

interface Partition {
  readonly start: number;
  readonly size: number;
  readonly type: string;
}

/** @returns who found the disk sound, and each complaint with the name of its program */
export async function soundnessOf(disk: string, sectorBytes: number): Promise<{ judges: string[]; faults: string[] }> {
  const judges = new Set<string>();
  const faults: string[] = [];
  const judge = async ([program, ...args]: readonly string[]) => {
    judges.add(program);
    await tool(program, ...args).catch(({ stdout, stderr, message }) =>
      faults.push(`${program}: ${`${stdout ?? ''}${stderr ?? ''}`.trim().slice(-400) || message}`),
    );
  };
  /** A program looks at a piece of the disk; volumes of LVM are pieces of their member. */
  const volume = async (startBytes: number, lengthBytes: number): Promise<void> => {
    await attached(disk, ['-o', `${startBytes}`, '--sizelimit', `${lengthBytes}`, '-r'], async (device) => {
      const kind = (await tool('blkid', '-p', '-s', 'TYPE', '-o', 'value', device).catch(() => '')).trim();
      if (kind === 'LVM2_member') {
        await judge(['vgck', '--devices', device]);
        for (const [at, bytes] of await logicalVolumes(device)) await volume(startBytes + at, bytes);
      } else if (JUDGES[kind]) await judge([...JUDGES[kind], device]);
    });
  };
  await attached(disk, ['--sector-size', String(sectorBytes), '-r'], async (device) => {
    const { partitiontable: table } = JSON.parse(await tool('sfdisk', '--json', device));
    await judge(['sfdisk', '--verify', device]);
    const partitions: Partition[] = table.partitions;
    const volumes = partitions.filter(({ type }) => !['5', 'f'].includes(type));
    for (const { start, size } of volumes) await volume(start * sectorBytes, size * sectorBytes);
  });
  if (statSync(disk).size % sectorBytes !== 0) faults.push('its length is no whole number of sectors');
  return { judges: [...judges], faults };
}

async function logicalVolumes(device: string): Promise<[startBytes: number, lengthBytes: number][]> {
  const fields = 'pe_start,vg_extent_size,seg_size,seg_pe_ranges,lv_name';
  const units = ['--units', 'b', '--nosuffix', '--noheadings'];
  const text = await tool('pvs', '--devices', device, '--segments', ...units, '-o', fields, device);
  return (
    text
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      // a segment without a name is free
      .filter(({ length }) => length === 5)
      // ranges are DEVICE:FIRST-LAST
      .map(([first, extentBytes, bytes, range]) => [first, extentBytes, bytes, /:(\d+)-\d+$/.exec(range)?.[1]])
      .map(([first, extentBytes, bytes, extent]) => [
        Number(first) + Number(extent) * Number(extentBytes),
        Number(bytes),
      ])
  );
}

async function attached(disk: string, options: readonly string[], use: (device: string) => Promise<void>) {
  const device = (await tool('losetup', '-f', '--show', ...options, disk)).trim();
  try {
    await use(device);
  } finally {
    await tool('losetup', '-d', device);
  }
}

async function tool(program: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LC_ALL: 'C' };
  return (await exec(program, args, { timeout: TOOL_TIMEOUT_MS, env })).stdout;
}
