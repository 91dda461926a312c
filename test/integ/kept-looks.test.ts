/** A plan that is changed is judged again without walking its disk again; a disk that changed is looked at again. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEngine, type TestEngine } from '../support/engine.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
/** its bitmaps and tables are megabytes */
const image = bench.file('many-groups.img', 4096 * MIB);
let engine: TestEngine;

beforeAll(async () => {
  run('mkfs.ext4', '-q', '-F', '-b', '1024', image);
  engine = await openEngine(bench.path('catalog'));
});
afterAll(() => engine.close());

const plan = (source: string, more: object = {}) =>
  engine.client.call('capture.plan', { source, name: 'one', ...more });

/** Bytes that this process has read meanwhile, from files and devices alike: proc(5), /proc/PID/io. */
async function bytesRead(work: () => Promise<unknown>): Promise<number> {
  const read = () => Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
  const before = read();
  await work();
  return read() - before;
}

test('another name, kind or policy reads nothing of the disk again', async () => {
  const first = await bytesRead(() => plan(image));
  expect(first).toBeGreaterThan(MIB);
  for (const more of [{ name: 'two' }, { kind: 'flex' }, { policy: 'lab' }, { note: 'x' }]) {
    expect(await bytesRead(() => plan(image, more))).toBeLessThan(first / 4);
  }
  // what decides what is captured is looked at
  expect(await bytesRead(() => plan(image, { outside: 'leave' }))).toBeGreaterThan(first / 2);
});

test('a file that was written to is looked at again', async () => {
  const before = await plan(image);
  run('debugfs', '-w', '-R', `write ${import.meta.filename} file`, image);
  expect((await plan(image)).readBytes).toBeGreaterThan(before.readBytes);
});

describe.skipIf(!canLoop)('a device', () => {
  test('that was written to is looked at again, and one that was not is not', async () => {
    const file = bench.file('device.img', 256 * MIB);
    run('mkfs.ext4', '-q', '-F', file);
    const device = bench.attach(file);
    const before = await plan(device);
    expect((await plan(device)).disk).toEqual(before.disk);
    const point = bench.mount(device, 'rw');
    writeFileSync(`${point}/data`, Buffer.alloc(8 * MIB, 1));
    bench.unmount(point);
    const after = await plan(device);
    expect(after.readBytes).toBeGreaterThan(before.readBytes + 7 * MIB);
    // past the device, through its file
    run('dd', 'if=/dev/zero', `of=${file}`, 'bs=1M', 'count=1', 'conv=notrunc,fsync', 'status=none');
    run('blockdev', '--flushbufs', device);
    expect((await plan(device)).disk.volumes[0].fileSystem).toBeNull();
  });
});

test('of an image that is imported, what a look has seen serves its plan and the next', async () => {
  const request = { path: image, entry: null, format: null, password: null };
  const form = { ...request, name: 'imported', kind: 'lab', licence: 'none' } as const;
  const first = await bytesRead(() => engine.client.call('import.look', request));
  expect(first).toBeGreaterThan(MIB);
  expect(await bytesRead(() => engine.client.call('import.plan', form))).toBeLessThan(first / 4);
  expect(await bytesRead(() => engine.client.call('import.plan', { ...form, name: 'two' }))).toBeLessThan(first / 4);
  run('debugfs', '-w', '-R', `write ${import.meta.filename} another`, image);
  expect(await bytesRead(() => engine.client.call('import.plan', form))).toBeGreaterThan(first / 2);
});
