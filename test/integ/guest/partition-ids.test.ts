/** PARTUUID and PARTLABEL of partitions, as util-linux tells them, and fstab that names them. */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadEndOfLife } from '../../../src-engine/guest/end-of-life.ts';
import { readPartitionIds } from '../../../src-engine/guest/partition-ids.ts';
import { openVolumes } from '../../../src-engine/inspection/disk-inspection.ts';
import { guestOf } from '../../../src-engine/inspection/guest-of.ts';
import { fileSource } from '../../support/file-source.ts';
import { phonyDisk } from '../../support/phony-guests.ts';
import { canLoop, MIB, workbench } from '../../support/workbench.ts';

const bench = workbench();

/** Number, PARTUUID and PARTLABEL of each partition by libblkid. Extended partitions are none that hold files. */
function judged(image: string): Record<string, [string, string]> {
  const told = execFileSync('partx', ['--pairs', '-o', 'NR,UUID,NAME,TYPE', image], { encoding: 'utf8' });
  const lines = [...told.matchAll(/NR="(\d+)" UUID="([^"]*)" NAME="([^"]*)" TYPE="([^"]*)"/g)];
  const kept = lines.filter(([, , , , type]) => type !== '0x5');
  return Object.fromEntries(kept.map(([, number, id, name]) => [number, [id, unescaped(name)]]));
}

/** partx writes what is not ASCII as `\xc3`, a byte of UTF-8 each. */
const unescaped = (name: string) =>
  Buffer.from(
    name.replace(/\\x([0-9a-f]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16))),
    'latin1',
  ).toString('utf8');

async function found(image: string): Promise<Record<string, [string, string]>> {
  const source = await fileSource(image);
  try {
    const ids = [...(await readPartitionIds(source))];
    return Object.fromEntries(
      ids.map(([number, { partitionUuid, partitionName }]) => [number, [partitionUuid.toLowerCase(), partitionName]]),
    );
  } finally {
    await source.close();
  }
}

const GPT = 'label: gpt\nstart=2048, size=2048, name="EFI System"\nstart=8192, size=2048, name="größe"\n,,\n';
const MBR = 'label: dos\nlabel-id: 0x0a1b2c3d\n,2048\n,20480,E\n,,\n,1024\n,1024\n';

test.each([
  ['GPT', GPT, 3],
  ['MBR with logical partitions', MBR, 4],
])('identifiers of partitions: %s', async (name, script, count) => {
  const image = bench.file(`${name}.img`, 16 * MIB);
  execFileSync('sfdisk', ['-q', image], { input: script, stdio: 'pipe' });
  const ids = await found(image);
  expect(Object.keys(ids)).toHaveLength(count);
  expect(ids).toEqual(judged(image));
});

test('an MBR without a signature names no partition', async () => {
  const image = bench.file('unsigned.img', 16 * MIB);
  execFileSync('sfdisk', ['-q', image], { input: 'label: dos\nlabel-id: 0x00000000\n,2048\n', stdio: 'pipe' });
  expect(await found(image)).toEqual({});
});

describe.skipIf(!canLoop)('a disk of Arch', () => {
  test('its root is found by PARTUUID', async () => {
    const table = await loadEndOfLife(resolve(import.meta.dirname, '../../../resources/end-of-life.yaml'));
    const source = await fileSource(phonyDisk(bench.folder, 'arch'));
    try {
      const guest = await guestOf(source, await openVolumes(source), table, new AbortController().signal);
      expect(guest.fstab.value?.map(({ reference, volume }) => [reference, volume])).toEqual([
        ['partuuid', '2'],
        ['uuid', '1'],
      ]);
    } finally {
      await source.close();
    }
  });
});
