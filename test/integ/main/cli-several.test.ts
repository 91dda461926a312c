/** The command line with templates of several disks: captured together, told disk by disk, one of them named with --disk. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commandLine, lastLine } from '../../support/command-line.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const diskpress = commandLine(bench.path('catalog'));

function ext4(name: string, mebibytes: number, tree: string): string {
  const image = bench.file(name, mebibytes * MIB);
  run('mkfs.ext4', '-q', '-F', '-O', '^has_journal', '-L', name.replace('.img', ''), '-d', tree, image);
  return image;
}
const first = ext4('system.img', 8, '/usr/share/common-licenses');
const second = ext4('home.img', 12, '/usr/share/dpkg');

test('several sources become one template, and the plan tells of each', async () => {
  const planned = await diskpress('capture', first, second, '--name', 'pair', '--plan');
  expect(planned.code).toBe(0);
  expect(planned.out).toMatch(new RegExp(`Disk 1: ${first}[^]*system[^]*Disk 2: ${second}[^]*home`));
  const captured = await diskpress('--json', 'capture', first, second, '--name', 'pair');
  expect(lastLine(captured)).toMatchObject({
    ok: true,
    value: {
      outcome: 'done',
      parts: [
        { path: first, outcome: 'done' },
        { path: second, outcome: 'done' },
      ],
    },
  });
  const forgotten = await diskpress('--json', 'capture', first, '--name', 'pair');
  expect(forgotten.code).not.toBe(0);
  expect(lastLine(forgotten).error).toMatchObject({ code: 'PLAN_BLOCKED', data: { check: 'DISK_COUNT_DIFFERS' } });
  const { out } = await diskpress('show', 'pair');
  expect(out).toMatch(new RegExp(`Disk 1: ${first}[^]*Disk 2: ${second}`));
});

test('where neither disk has a system, nothing can be changed inside, and whoever asks is told', async () => {
  const targets = [bench.path('t1.img'), bench.path('t2.img')];
  const refused = await diskpress('--json', 'deploy', 'pair', ...targets, '--hostname', 'x', '--plan');
  expect(refused.code).toBe(5);
  expect(lastLine(refused).error).toMatchObject({ code: 'PLAN_BLOCKED', data: { check: 'NO_SYSTEM_TO_CHANGE' } });
});

test('the rows of a table that are of one machine say nothing that contradicts', async () => {
  const table = bench.path('rows.csv');
  const [a, b] = [bench.path('r1.img'), bench.path('r2.img')];
  writeFileSync(table, `target,hostname\n${a},one\n${b},two\n`);
  const refused = await diskpress('--json', 'deploy', 'pair', '--table', table, '--plan');
  expect(lastLine(refused).error).toMatchObject({ code: 'BAD_REQUEST', data: { field: 'hostname' } });
});

test('what is said of the template is said disk by disk', async () => {
  const inspected = await diskpress('inspect', 'pair');
  expect(inspected.out).toMatch(new RegExp(`Disk 1: ${first}[^]*system[^]*Disk 2: ${second}[^]*home`));
  const seen = lastLine(await diskpress('--json', 'inspect', 'pair'));
  expect(seen.value.disks).toMatchObject([{ source: { path: first } }, { source: { path: second } }]);

  // the rules see how many disks it has
  const { out } = await diskpress('--json', 'check', 'pair', '--kind', 'bare-metal');
  const facts = out
    .trim()
    .split('\n')
    .flatMap((line) => JSON.parse(line).value?.lines ?? [])
    .filter(({ fact }) => fact === 'disk.count');
  expect(facts).not.toEqual([]);
  for (const { value } of facts) expect(value).toBe(2);

  const verified = lastLine(await diskpress('--json', 'verify', 'pair'));
  expect(verified).toMatchObject({ ok: true, value: { outcome: 'done' } });
});

test('files of each disk: all volumes, or those of the one that is named', async () => {
  const listed = await diskpress('files', 'pair');
  expect(listed.out).toMatch(/Disk\s+Volume/);
  expect(listed.out).toMatch(/^1\s+0\s+ext4\s+system[^]*^2\s+0\s+ext4\s+home/m);
  expect((await diskpress('files', 'pair', '/GPL-3', '--disk', '1')).out).toContain('GPL-3');
  expect((await diskpress('files', 'pair', '--disk', '2')).out).toContain('buildflags.mk');
  const unclear = await diskpress('--json', 'files', 'pair', '/GPL-3');
  expect(unclear.code).not.toBe(0);
  expect(lastLine(unclear).error).toMatchObject({
    code: 'VOLUME_CHOICE_REQUIRED',
    data: { choices: '--disk 1 --volume 0, --disk 2 --volume 0' },
  });
  const nowhere = await diskpress('--json', 'files', 'pair', '/nope');
  expect([nowhere.code, lastLine(nowhere).error]).toMatchObject([3, { code: 'NOT_FOUND', data: { path: '/nope' } }]);
  const other = await diskpress('--json', 'files', 'pair', '--disk', '3');
  expect(lastLine(other).error).toMatchObject({ code: 'NO_SUCH_DISK', data: { count: 2 } });
});

test('two versions are compared on all disks, or on the one that is named', async () => {
  writeFileSync(bench.path('new'), 'new');
  run('debugfs', '-w', '-R', `write ${bench.path('new')} added`, second);
  expect(await diskpress('capture', first, second, '--name', 'pair')).toMatchObject({ code: 0 });
  const { value } = lastLine(await diskpress('--json', 'compare', 'pair@1', 'pair@2'));
  expect(value).toMatchObject({
    added: { files: 1 },
    notCompared: [],
    changes: [{ disk: 2, volume: '0', path: '/added', change: 'added' }],
  });
  expect(value.unchanged.files).toBeGreaterThan(10);
  const one = lastLine(await diskpress('--json', 'compare', 'pair@1', 'pair@2', '--disk', '1'));
  expect(one.value).toMatchObject({ added: { files: 0 }, changes: [] });
  expect(await diskpress('capture', first, '--name', 'pair', '--override', 'DISK_COUNT_DIFFERS')).toMatchObject({
    code: 0,
  });
  const fewer = lastLine(await diskpress('--json', 'compare', 'pair@2', 'pair@3'));
  expect(fewer.value).toMatchObject({ changes: [], notCompared: ['2:0'] });
});

test('it is exported and deployed whole, or disk by disk', async () => {
  const folder = bench.path('out');
  mkdirSync(folder);
  const exported = await diskpress('--json', 'export', 'pair@2', folder, '--format', 'qcow2');
  expect(lastLine(exported).value.parts).toHaveLength(2);
  expect(readdirSync(folder).sort()).toEqual(['pair-disk1.qcow2', 'pair-disk2.qcow2']);
  expect(await diskpress('export', 'pair@2', folder, '--format', 'ova')).toMatchObject({ code: 0 });
  expect(await diskpress('export', 'pair@2', bench.path('one.img'), '--format', 'raw', '--disk', '2')).toMatchObject({
    code: 0,
  });
  run('cmp', second, bench.path('one.img'));
  const imported = await diskpress('import', join(folder, 'pair.ova'), '--name', 'back');
  expect(imported.code).toBe(0);
  expect(imported.err + imported.out).toMatch(/Disk 1: pair-disk1.vmdk[^]*Disk 2: pair-disk2.vmdk/);
  expect(await diskpress('import', join(folder, 'pair.ova'), '--name', 'one', '--disk', '1')).toMatchObject({
    code: 0,
  });
  const targets = [bench.path('a.img'), bench.path('b.img')];
  expect(await diskpress('deploy', 'back', ...targets)).toMatchObject({ code: 0 });
  for (const [i, original] of [first, second].entries()) run('cmp', original, targets[i]);
});
