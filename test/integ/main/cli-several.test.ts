/** The command line with templates of several disks: captured together, told disk by disk, one of them named with --disk. */
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
const second = ext4('home.img', 12, '/etc/default');

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
