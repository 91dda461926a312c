/** What one Diskpress exports, it can import: the same chunks, so hardly anything is stored anew. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EXPORT_FORMATS } from '../../../src-engine/contract/import.contract.ts';
import { makeGptDisk } from '../../support/disks.ts';
import { openEngine, resultOf } from '../../support/engine.ts';
import { exportTo, importFrom } from '../../support/transfer.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const engine = await openEngine(bench.path('catalog'));
bench.atEnd(() => engine.close());
const disk = makeGptDisk(bench, 'disk.img');
resultOf(await engine.capture(disk.path, 'server'));
const original = bench.path('original.deployed');
resultOf(await engine.deploy('server', original));
/** As blkid tells them, in the order of the partitions; '' for one that holds no file system. */
const uuids = JSON.parse(run('sfdisk', '--json', disk.path)).partitiontable.partitions.map(
  ({ start, size }: { start: number; size: number }) => {
    const place = `-O ${start * 512} -S ${size * 512}`;
    // it ends with 2 where it finds nothing
    return run('sh', '-c', `blkid -p -s UUID -o value ${place} '${disk.path}' || [ $? = 2 ]`).trim();
  },
);

test.each(EXPORT_FORMATS.filter((format) => format !== 'package'))('%s', async (format) => {
  const { plan, job } = await exportTo(engine, 'server', format, bench.folder, { overwrite: true });
  resultOf(job);
  const view = await engine.client.call('import.look', { path: plan.path });
  expect(view.proposedName).toBe('server');
  const { storedBytes } = resultOf(await importFrom(engine, plan.path, format));
  // a disk that got longer has its tables moved, in the worst case
  expect(storedBytes).toBeLessThan(64 * 1024);
  const { versions } = await engine.client.call('template.show', { template: format });
  expect(versions[0].disks[0].layout.volumes.map(({ fileSystem }) => fileSystem?.uuid ?? '')).toEqual(uuids);
  const deployed = bench.path(`${format}.deployed`);
  resultOf(await engine.deploy(format, deployed));
  run('sgdisk', '-v', deployed);
  const { startBytes, lengthBytes } = disk.ext4;
  run('e2fsck', '-fn', `${deployed}?offset=${startBytes}`);
  run('cmp', '-n', String(lengthBytes), '-i', String(startBytes), original, deployed);
  rmSync(deployed);
});

test('a folder of Clonezilla', async () => {
  const folder = bench.path('clone');
  mkdirSync(folder);
  const bytes = readFileSync(disk.path);
  writeFileSync(`${folder}/parts`, 'sda2\n');
  writeFileSync(`${folder}/sda-pt.sf`, run('sfdisk', '-d', disk.path).replaceAll(disk.path, '/dev/sda'));
  writeFileSync(`${folder}/sda-gpt-1st`, bytes.subarray(0, 34 * 512));
  writeFileSync(`${folder}/sda-gpt-2nd`, bytes.subarray(bytes.length - 33 * 512));
  writeFileSync(bench.path('part'), bytes.subarray(disk.ext4.startBytes, disk.ext4.startBytes + disk.ext4.lengthBytes));
  const image = bench.path('image');
  run('partclone.ext4', '-c', '-q', '-L', bench.path('log'), '-s', bench.path('part'), '-O', image);
  run('sh', '-c', `gzip -c ${image} > ${folder}/sda2.ext4-ptcl-img.gz.aa`);
  expect(await engine.client.call('import.look', { path: folder })).toMatchObject({ format: 'clonezilla', disk: null });
  const { storedBytes } = resultOf(await importFrom(engine, folder, 'cloned', { overrides: ['PARTITIONS_NOT_SAVED'] }));
  expect(storedBytes).toBeLessThan(MIB / 4);
});
