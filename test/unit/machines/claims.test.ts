import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { linuxMachine } from '../../../src-engine/machines/linux/linux-machine.ts';
import { FakeKernel } from './fake-kernel.ts';

let kernel: FakeKernel;
let image: string;
beforeEach(() => {
  kernel = new FakeKernel();
  image = path.join(kernel.root, 'disk.img');
  writeFileSync(image, Buffer.alloc(5000));
});
afterEach(() => kernel.remove());

/** A process that has a file open. */
function opened(pid: string, file: string, flags: string): void {
  kernel.write(path.join(kernel.roots.proc, pid, 'fdinfo/7'), `pos:\t0\nflags:\t${flags}\n`);
  mkdirSync(path.join(kernel.roots.proc, pid, 'fd'), { recursive: true });
  symlinkSync(file, path.join(kernel.roots.proc, pid, 'fd/7'));
}

test.skipIf(process.platform !== 'linux')(
  'a network block device is claimed with the file that its server writes; what it only reads is not',
  async () => {
    kernel.disk('nbd0', { number: '43:0', bus: 'virtual', attributes: { pid: '4711\n' } });
    const read = path.join(kernel.root, 'library');
    writeFileSync(read, '');
    opened('4711', image, '0100002');
    kernel.write(path.join(kernel.roots.proc, '4711/fdinfo/8'), 'pos:\t0\nflags:\t0100000\n');
    symlinkSync(read, path.join(kernel.roots.proc, '4711/fd/8'));
    const [one, two] = [linuxMachine(kernel.roots), linuxMachine(kernel.roots)];
    const device = { kind: 'device', path: kernel.dev('nbd0') } as const;
    const claim = await one.claim(device, 'deploy a');
    const refused = {
      code: 'PLAN_BLOCKED',
      data: { check: 'TARGET_IN_USE', path: image, details: `deploy a (process ${process.pid})` },
    };
    await expect(two.claim({ kind: 'file', path: image }, 'deploy b')).rejects.toMatchObject(refused);
    await expect(two.claim(device, 'deploy b')).rejects.toMatchObject(refused);
    await (await two.claim({ kind: 'file', path: read }, 'deploy b')).release();
    await claim.release();
    await claim.release();
    await (await two.claim(device, 'deploy b')).release();
  },
);

test.skipIf(process.platform !== 'linux')('of many that claim a file at once, one at most has it, ever', async () => {
  const machines = Array.from({ length: 4 }, () => linuxMachine(kernel.roots));
  let holders = 0;
  let most = 0;
  let times = 0;
  await Promise.all(
    machines.map(async (machine, i) => {
      for (let turn = 0; turn < 3; turn++) {
        const claim = await machine.claim({ kind: 'file', path: image }, `deploy ${i}`).catch(() => null);
        if (!claim) continue;
        times++;
        most = Math.max(most, ++holders);
        await new Promise((resolve) => setImmediate(resolve));
        holders--;
        await claim.release();
      }
    }),
  );
  expect(most).toBe(1);
  expect(times).toBeGreaterThan(1);
});

test.skipIf(process.platform !== 'linux')(
  'who claims one file is told of the claims of others on other files',
  async () => {
    const [one, two] = [linuxMachine(kernel.roots), linuxMachine(kernel.roots)];
    const [mine, theirs] = ['mine.img', 'theirs.img'].map((name) => path.join(kernel.root, name));
    const claims = [
      await one.claim({ kind: 'file', path: mine }, 'deploy a'),
      await two.claim({ kind: 'file', path: theirs }, 'deploy b'),
    ];
    const refusals = async (file: string) => (await one.fileRefusals(file, '/nowhere')).deployRefusals;
    expect(await refusals(theirs)).toEqual([{ code: 'IN_USE', details: [`deploy b (process ${process.pid})`] }]);
    expect(await refusals(mine)).toEqual([]);
    for (const claim of claims) await claim.release();
    expect(await refusals(theirs)).toEqual([]);
  },
);

test.skipIf(process.platform !== 'linux')(
  'who has a file is never told that it is somebody else’s, while it is claimed and while it is let go',
  async () => {
    const machine = linuxMachine(kernel.roots);
    let isGoing = true;
    const seen: string[] = [];
    const looking = (async () => {
      while (isGoing)
        for (const refusal of (await machine.fileRefusals(image, kernel.root)).deployRefusals)
          if (refusal.code === 'IN_USE') seen.push(...refusal.details);
    })();
    for (let turn = 0; turn < 6; turn++)
      await (await machine.claim({ kind: 'file', path: image }, 'deploy a')).release();
    isGoing = false;
    await looking;
    expect(seen).toEqual([]);
  },
);
