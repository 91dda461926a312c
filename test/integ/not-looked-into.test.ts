/** A system that lies where nothing can be looked into: it is not taken for none, and what stays the same in it is told. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeployPlan } from '../../src-engine/contract/plan.contract.ts';
import { makeExt4, place } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';
import { lvmOn } from './volumes/lvm.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => void (engine = await openEngine(bench.path('catalog'))));
afterAll(() => engine.close());

const plan = (template: string, more: object = {}) =>
  engine.client.call('deploy.plan', { template, target: bench.path(`${template}.out`), ...more });
const notSeen = ({ checks }: DeployPlan) => checks.filter(({ code }) => code === 'IDENTITY_NOT_SEEN');

test('in an encrypted volume beside /boot', async () => {
  const image = bench.file('luks.img', 28 * MIB);
  run('sgdisk', '-n', '1:2048:+8M', '-t', '1:8300', '-n', '2:20480:+16M', '-t', '2:8309', image);
  place(makeExt4(bench, 'boot.ext4', 8 * MIB), image, MIB);
  const luks = bench.file('luks.part', 16 * MIB);
  writeFileSync(bench.path('key'), 'open sesame');
  const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--key-file', bench.path('key')];
  run('cryptsetup', 'luksFormat', '-q', '--type', 'luks2', ...quick, '--luks2-metadata-size', '16k', luks);
  place(luks, image, 10 * MIB);
  resultOf(await engine.capture(image, 'locked'));

  const planned = await plan('locked');
  expect(planned.identity).toMatchObject({ becomes: 'keep', because: 'not-looked-into' });
  const data = { target: bench.path('locked.out'), volumes: ['2'], reason: 'encrypted' };
  expect(notSeen(planned)).toEqual([{ code: 'IDENTITY_NOT_SEEN', level: 'warn', data }]);
  const job = await engine.ended((await engine.client.call('deploy.start', { planId: planned.planId })).jobId);
  resultOf(job);
  expect(job.warnings).toEqual([{ code: 'IDENTITY_NOT_SEEN', data }]);
  const lockedBytes = (path: string) => readFileSync(path).subarray(10 * MIB, 26 * MIB);
  expect(lockedBytes(data.target).equals(lockedBytes(image))).toBe(true);

  expect(notSeen(await plan('locked', { identity: 'keep', target: bench.path('other.img') }))).toEqual([]);
  const asked = await plan('locked', { identity: 'fresh', target: bench.path('other.img') });
  expect(asked.checks.filter(({ level }) => level === 'block').map(({ code }) => code)).toEqual([
    'NO_SYSTEM_TO_CHANGE',
  ]);
});

test('not in swap space: a disk of files beside it has no system, and nothing of one stays', async () => {
  const image = bench.file('files.img', 28 * MIB);
  run('sgdisk', '-n', '1:2048:+8M', '-t', '1:8300', '-n', '2:20480:+8M', '-t', '2:8200', image);
  place(makeExt4(bench, 'files.ext4', 8 * MIB), image, MIB);
  const swap = bench.file('swap.part', 8 * MIB);
  run('mkswap', swap);
  place(swap, image, 10 * MIB);
  resultOf(await engine.capture(image, 'files'));

  const planned = await plan('files');
  expect(planned.identity).toMatchObject({ becomes: 'keep', because: 'nothing-to-renew' });
  expect(notSeen(planned)).toEqual([]);
});

describe.skipIf(!canLoop)('in a volume group over two disks', () => {
  test('each of which says so', async () => {
    const both = bench.file('both.img', 48 * MIB);
    const parts = [0, 24].map((start) => ({ startBytes: start * MIB, lengthBytes: 24 * MIB }));
    const lvm = lvmOn(bench, both, parts);
    lvm('vgcreate', '-y', '-s', '1M', 'wide', ...lvm.devices);
    lvm.create('-Wn', '-L', '30M', '-n', 'root', 'wide');
    lvm.fill('wide/root', makeExt4(bench, 'root.img', 30 * MIB));
    const bytes = readFileSync(both);
    const disks = [0, 1].map((i) => {
      const image = bench.path(`pv${i}.img`);
      writeFileSync(image, bytes.subarray(i * 24 * MIB, (i + 1) * 24 * MIB));
      return image;
    });
    resultOf(await engine.capture(disks[0], 'wide', { others: [disks[1]] }));
    for (const disk of [1, 2]) {
      for (const identity of [undefined, 'fresh'] as const) {
        const planned = await plan('wide', { disk, identity });
        expect(notSeen(planned)).toMatchObject([{ data: { volumes: ['0'], reason: 'several-disks' } }]);
      }
    }
  });
});
