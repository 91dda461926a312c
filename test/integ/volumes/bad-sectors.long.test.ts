/** Bad sectors where no file system is: in tables, in their copies, and in what lies outside of all of them. nbdkit makes them fail. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noise, place } from '../../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../../support/engine.ts';
import { canFail, failingFile } from '../../support/failing-file.ts';
import { MIB, run, runWithInput, workbench } from '../../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => void (engine = await openEngine(bench.path('catalog'))));
afterAll(() => engine.close());

const LENGTH = 16 * MIB;
const LAST = LENGTH - 512;
/** Bytes before the first partition, between two of them, and behind the last. */
const OUTSIDE = [100_000, 6 * MIB, 12 * MIB];

function makeDisk(table: 'gpt' | 'dos'): string {
  const disk = bench.file(`${table}.img`, LENGTH);
  writeFileSync(bench.path('noise'), noise('outside', 300_000));
  const type = table === 'gpt' ? 'L' : '83';
  const logical = table === 'gpt' ? '' : 'start=18432, size=2048, type=5\nstart=18450, size=1024, type=83\n';
  runWithInput(`label: ${table}\nstart=2048, size=8192, type=${type}\n${logical}`, 'sfdisk', '-q', disk);
  run('mkfs.vfat', '-F', '12', bench.file('part', 4 * MIB));
  run('mcopy', '-i', bench.path('part'), bench.path('noise'), '::');
  place(bench.path('part'), disk, MIB);
  for (const at of OUTSIDE) place(bench.path('noise'), disk, at);
  return disk;
}

describe.skipIf(!canFail)('bad sectors outside of file systems', () => {
  const PLACES: [table: 'gpt' | 'dos', name: string, at: number][] = [
    ['dos', 'in the gap before the first partition', OUTSIDE[0] + 4096],
    ['dos', 'behind the last partition', OUTSIDE[2] + 200_000],
    ['dos', 'in the chain of logical partitions', 18_432 * 512],
    ['dos', 'in the last sector', LAST],
    ['gpt', 'in the first page: record, header and array', 512],
    ['gpt', 'in the first array', 8192],
    ['gpt', 'in the copy of the header', LAST],
    ['gpt', 'in the copy of the array', LENGTH - 33 * 512],
    ['dos', 'in the first sector', 0],
  ];

  test.each(PLACES)('%s: %s', async (table, name, at) => {
    const disk = makeDisk(table);
    const failing = await failingFile(bench, disk, [[at, at + 512]]);
    const ended = await engine.capture(failing, name, { format: 'raw' }).then(
      ({ error }) => error!.code,
      ({ view }) => view.code,
    );
    expect(ended).toBe('READ_FAILED');

    // its account is summed by the engine of the tests
    const template = `${table} ${name}`;
    resultOf(await engine.capture(failing, template, { onUnreadable: 'fill', format: 'raw' }));
    const [version] = (await engine.client.call('template.show', { template })).versions;
    const [{ damage }] = version.disks;
    expect(damage!.lengthBytes).toBeGreaterThanOrEqual(512);
    const [lost] = damage!.extents;
    expect(lost.startBytes <= at && lost.startBytes + lost.lengthBytes >= at + 512).toBe(true);

    const target = bench.path('target.img');
    resultOf(await engine.deploy(template, target, { overwrite: true }));
    const expected = readFileSync(disk).fill(0, lost.startBytes, lost.startBytes + lost.lengthBytes);
    const found = readFileSync(target);
    for (const place of [...OUTSIDE, MIB]) {
      expect(found.subarray(place, place + 300_000).equals(expected.subarray(place, place + 300_000))).toBe(true);
    }
    if (table === 'gpt' && at > 4096) expect(run('sgdisk', '-v', target)).toContain('No problems found');
  });
});
