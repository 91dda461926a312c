/** Images that consist of several files: what is found out about all of them, not only about the one that was named. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { findImage } from '../../../src-engine/images/find-image.ts';
import { UNPACK_LIMITS } from '../../../src-engine/archive/sparse-file.ts';
import { makeExt4 } from '../../support/disks.ts';
import { openEngine } from '../../support/engine.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const signal = new AbortController().signal;

/** @returns a fresh folder with an image of two files, and the path of the one that is named */
const FAMILIES: [name: string, other: string, make: (folder: string) => string][] = [
  [
    'a qcow2 image and its backing file',
    'base.raw',
    (folder) => {
      writeFileSync(`${folder}/base.raw`, Buffer.alloc(1_048_576, 'base'));
      execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', 'base.raw', 'top.qcow2'], {
        cwd: folder,
      });
      return `${folder}/top.qcow2`;
    },
  ],
  [
    'a VMDK descriptor and its extent',
    'disk-f001.vmdk',
    (folder) => {
      writeFileSync(`${folder}/in.raw`, Buffer.alloc(1_048_576, 'flat'));
      const how = ['-f', 'raw', '-O', 'vmdk', '-o', 'subformat=twoGbMaxExtentFlat'];
      run('qemu-img', 'convert', ...how, `${folder}/in.raw`, `${folder}/disk.vmdk`);
      return `${folder}/disk.vmdk`;
    },
  ],
];

async function opened(make: (folder: string) => string) {
  const folder = bench.path('family');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(`${folder}/scratch`, { recursive: true });
  const scratch = { folder: `${folder}/scratch`, limits: UNPACK_LIMITS, signal, advance() {} };
  const found = await findImage({ path: make(folder), entry: null, password: null, format: null }, scratch, signal);
  expect(found.image).not.toBeNull();
  return { folder, found };
}

test.each(FAMILIES)('%s: whoever changes the other file ends the import', async (_, other, make) => {
  const changes: ((path: string) => void)[] = [
    (path) => appendFileSync(path, 'x'),
    (path) => rmSync(path),
    (path) => {
      writeFileSync(`${path}.new`, Buffer.alloc(1_048_576));
      renameSync(`${path}.new`, path);
    },
  ];
  for (const change of changes) {
    const { folder, found } = await opened(make);
    try {
      expect(readdirSync(folder)).toContain(other);
      await found.refuseChanged();
      change(`${folder}/${other}`);
      await expect(found.refuseChanged()).rejects.toMatchObject({
        code: 'SOURCE_CHANGED',
        data: { path: `${folder}/${other}` },
      });
    } finally {
      await found.close();
    }
  }
});

test.each([
  ['written to', 'SOURCE_CHANGED', (path: string) => appendFileSync(path, 'x')],
  ['gone', 'SOURCE_NOT_FOUND', (path: string) => rmSync(path)],
])('a file that is %s when its planned import begins is not imported', async (_, code, change) => {
  const engine = await openEngine(bench.path(`catalog ${code}`));
  try {
    const path = makeExt4(bench, `planned ${code}.img`, 8 * MIB);
    const { planId } = await engine.client.call('import.plan', { path, name: 'planned', bootMode: 'bios' });
    change(path);
    const { jobId } = await engine.client.call('import.start', { planId });
    expect((await engine.ended(jobId)).error).toMatchObject({ code, data: { path } });
    expect(await engine.client.call('template.list', {})).toEqual([]);
  } finally {
    await engine.close();
  }
});
