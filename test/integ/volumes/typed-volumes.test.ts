/** Partitions that hold nothing with a name, and are known by their type: sgdisk makes them. */
import { expect, test } from 'vitest';
import { commandLine, lastLine } from '../../support/command-line.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();

test('a BIOS boot partition and its like are called what they are, and are not warned of', async () => {
  const disk = bench.file('typed.img', 16 * MIB);
  const typed = ['-n1:0:+1M', '-t1:ef02', '-n2:0:+1M', '-t2:0c01', '-n3:0:+1M', '-t3:4100', '-n4:0:0', '-t4:8300'];
  run('sgdisk', ...typed, disk);
  // a boot loader's own code has no name
  run('sh', '-c', `head -c 400000 /dev/urandom | dd of=${disk} bs=1M seek=1 conv=notrunc status=none`);
  const diskpress = commandLine(bench.path('catalog'));
  const { disk: view } = lastLine(await diskpress('--json', 'inspect', disk)).value;
  const told = view.volumes.map(({ recognised, warnings }: { recognised: string; warnings: { code: string }[] }) => [
    recognised,
    ...warnings.map(({ code }) => code),
  ]);
  expect(told).toEqual([['bios-boot'], ['ms-reserved'], ['prep-boot'], [null, 'FILESYSTEM_UNKNOWN']]);
  expect((await diskpress('inspect', disk)).out).toMatch(/^ +1 .* BIOS boot /m);
  expect((await diskpress('--lang', 'fr', 'inspect', disk)).out).toMatch(/^ +1 .* Amorçage BIOS /m);
});
