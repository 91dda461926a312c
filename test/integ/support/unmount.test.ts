/** What a test unmounts is free and written out, whoever else has a copy of the mount. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();

test.skipIf(!canLoop)('of a namespace that began meanwhile, and lives on', async () => {
  const device = bench.attach(bench.file('disk.img', 32 * MIB));
  run('mkfs.ext4', '-q', device);
  const point = bench.mount(device, 'rw');
  mkdirSync(`${point}/made`);
  const other = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', 'echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => other.once('close', resolve));
  await new Promise((resolve) => other.stdout.once('data', resolve));
  bench.unmount(point);
  expect(run('e2fsck', '-f', '-n', device)).toContain('12/');
  // refused where the kernel still has it in use
  run('mkfs.ext4', '-q', '-F', device);
  other.stdin.end();
  await ended;
  bench.detach(device);
});
