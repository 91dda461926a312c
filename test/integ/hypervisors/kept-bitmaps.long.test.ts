/** A second capture of what nobody writes to reads what bitmaps of its qcow2 tell, and is what the disk is: qemu-img compares. Where they cannot be trusted, all is read. */
import { spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { openEngineThread, resultOf, type TestEngine } from '../../support/engine.ts';
import { ADDRESS, defineMachine, startLibvirt, virsh } from '../../support/libvirt.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const NAME = 'kept-bitmaps';

describe.skipIf(!canLoop)('an image that keeps account of what is written to it', () => {
  const bench = workbench();
  let engine: TestEngine;
  let count = 0;

  beforeAll(async () => {
    startLibvirt();
    run('chmod', 'a+x', bench.folder);
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
  });

  /** 64 MiB of content: zeros are not read anyway. */
  function image(...options: string[]): string {
    const path = bench.path(`${++count}.qcow2`);
    const raw = bench.file('content.raw', 64 * MIB);
    const file = openSync(raw, 'r+');
    for (let at = 0; at < 64; at += 4) writeSync(file, randomBytes(4 * MIB), 0, 4 * MIB, at * MIB);
    closeSync(file);
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', ...options, raw, path);
    return path;
  }
  const bitmap = (...words: string[]) => run('qemu-img', 'bitmap', ...words);
  const write = (path: string, ...commands: string[]) =>
    run('qemu-io', '-f', 'qcow2', ...commands.flatMap((command) => ['-c', command]), path);

  async function capture(source: string, name: string, more: object = {}) {
    const before = source.startsWith('/') ? readFileSync(source) : null;
    const job = await engine.capture(source, name, { outside: 'take', trackChanges: true, ...more });
    // whoever made its bitmaps goes on with them
    if (before) expect(readFileSync(source).equals(before)).toBe(true);
    const why = job.warnings.find(({ code }) => code === 'CHANGES_NOT_KNOWN')?.data.reason ?? null;
    const isTracked = !job.warnings.some(({ code }) => code === 'CHANGES_NOT_TRACKED');
    return { ...resultOf(job), why, isTracked };
  }
  /** The newest version, deployed. */
  async function expectEqual(name: string, disk: string): Promise<void> {
    const target = bench.path('deployed.img');
    run('rm', '-f', target);
    resultOf(await engine.deploy(name, target, { exact: true }));
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', target, disk);
  }

  test('is read whole once, and from then on only where it says', async () => {
    const path = image();
    bitmap('--add', path, 'diskpress-1');
    const first = await capture(path, 'file');
    expect([first.why, first.isTracked]).toEqual([null, true]);
    expect(first.processedBytes).toBe(64 * MIB);
    write(path, 'write -P 9 5M 64k', 'write -z 20M 1M', 'write -P 3 50M 128k', 'discard 8M 1M');
    const second = await capture(path, 'file');
    expect([second.why, second.isTracked]).toEqual([null, true]);
    expect(second.processedBytes).toBeLessThan(4 * MIB);
    expect(second.processedBytes).toBeGreaterThan(2 * MIB);
    await expectEqual('file', path);
    // it goes on counting since the first
    write(path, 'write -P 4 5M 32k', 'write -P 4 30M 32k');
    const third = await capture(path, 'file');
    expect(third.processedBytes).toBeLessThan(4 * MIB);
    await expectEqual('file', path);
    // unless another is begun
    bitmap('--add', path, 'diskpress-2');
    const fourth = await capture(path, 'file');
    expect(fourth.processedBytes).toBeGreaterThan(2 * MIB);
    write(path, 'write -P 5 40M 64k');
    const fifth = await capture(path, 'file');
    expect(fifth.processedBytes).toBeLessThan(MIB);
    await expectEqual('file', path);
    // nothing was written: nothing is read
    const { processedBytes } = await capture(path, 'file');
    expect(processedBytes).toBeLessThan(MIB);
    await expectEqual('file', path);
  });

  test('is read whole without the option, and of nobody’s bitmaps but ours', async () => {
    const path = image();
    bitmap('--add', path, 'of-another-program');
    expect(await capture(path, 'others')).toMatchObject({ why: null, isTracked: false });
    bitmap('--add', path, 'diskpress-1');
    expect(await capture(path, 'others')).toMatchObject({ why: null, isTracked: true, processedBytes: 64 * MIB });
    write(path, 'write -P 9 5M 64k');
    const plain = await capture(path, 'others', { trackChanges: false });
    expect(plain.processedBytes).toBe(64 * MIB);
    expect((await capture(path, 'others')).processedBytes).toBeLessThan(MIB);
    await expectEqual('others', path);
    // a raw image keeps none
    expect(await capture(bench.file('raw.img', MIB, 7), 'raw')).toMatchObject({ isTracked: false });
  });

  /** Where in the header an image's bitmaps are. */
  const directoryOf = (bytes: Buffer) =>
    Number(bytes.readBigUInt64BE(bytes.indexOf(Buffer.from([0x23, 0x85, 0x28, 0x75])) + 24));

  const broken: [string, string | null, (path: string) => unknown][] = [
    ['was written to by a program that knows no bitmaps', 'bitmap-broken', (path) => writtenBy(path)],
    ['was in use when its program died', 'bitmap-broken', (path) => poke(path, 12, 3, directoryOf)],
    ['has a directory that lies', 'bitmap-broken', (path) => poke(path, 8, 0x7fffffff, directoryOf)],
    ['lost its bitmap', 'bitmap-gone', (path) => bitmap('--remove', path, 'diskpress-1')],
    ['has a bitmap that was stopped', 'bitmap-stopped', (path) => bitmap('--disable', path, 'diskpress-1')],
    ['got another length', 'disks-differ', (path) => run('qemu-img', 'resize', '-q', path, '65M')],
    ['was put over another file', 'backing-files', (path) => overOther(path)],
    ['was replaced by a copy from before', 'bitmap-gone', (path) => copyFileSync(`${path}.before`, path)],
  ];
  /** Writes to a cluster where it lies, and clears the bit that says that bitmaps are kept. */
  function writtenBy(path: string): void {
    poke(path, 88, 0);
    const [cluster] = (JSON.parse(run('qemu-img', 'map', '--output=json', path)) as { offset: number }[]).slice(-1);
    const file = openSync(path, 'r+');
    writeSync(file, randomBytes(4096), 0, 4096, cluster.offset);
    closeSync(file);
  }
  /** Writes a number over one of the image's. */
  function poke(path: string, at: number, value: number, from: (bytes: Buffer) => number = () => 0): void {
    const bytes = readFileSync(path);
    const start = from(bytes) + at;
    if (from(bytes) === 0) bytes.writeBigUInt64BE(BigInt(value), start);
    else bytes.writeUInt32BE(value, start);
    writeFileSync(path, bytes);
  }
  function overOther(path: string): void {
    run('qemu-img', 'create', '-q', '-f', 'raw', bench.path('below.raw'), '64M');
    run('qemu-img', 'rebase', '-u', '-f', 'qcow2', '-b', 'below.raw', '-F', 'raw', path);
  }
  for (const [what, why, change] of broken) {
    test(`is read whole, and told why, where it ${what}`, async () => {
      const path = image();
      const name = `broken ${count}`;
      copyFileSync(path, `${path}.before`);
      write(`${path}.before`, 'write -P 1 12M 64k');
      bitmap('--add', path, 'diskpress-1');
      await capture(path, name);
      write(path, 'write -P 9 5M 64k');
      const good = bench.path('good.qcow2');
      copyFileSync(path, good);
      change(path);
      const again = await capture(path, name);
      expect(again.why).toBe(why);
      expect(again.processedBytes).toBeGreaterThanOrEqual(64 * MIB);
      // QEMU itself does not open what lies
      await expectEqual(name, what.includes('lies') ? good : path);
    });
  }

  test('is what it is where an older state of it came back', async () => {
    const path = image();
    run('qemu-img', 'snapshot', '-c', 'old', path);
    write(path, 'write -P 9 5M 64k');
    bitmap('--add', path, 'diskpress-1');
    await capture(path, 'reverted');
    // refused by a QEMU that thinks of the bitmaps; whichever it is, what is captured is the disk
    spawnSync('qemu-img', ['snapshot', '-a', 'old', path]);
    await capture(path, 'reverted');
    await expectEqual('reverted', path);
  });

  describe('by a checkpoint of a live capture', () => {
    const place = `libvirt:${NAME}`;
    let disk = '';
    beforeAll(() => {
      disk = image();
      const device = `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>`;
      defineMachine(bench, NAME, device);
      bench.atEnd(() => {
        for (const name of checkpoints())
          spawnSync('virsh', ['-q', '-c', ADDRESS, 'checkpoint-delete', NAME, name, '--metadata']);
      });
    });
    const checkpoints = () =>
      virsh('checkpoint-list', '--name', `--domain=${NAME}`)
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean);
    const writeLive = (command: string) =>
      virsh(
        ...['qemu-monitor-command', `--domain=${NAME}`, '--hmp'],
        `qemu-io -d /machine/peripheral/virtio-disk0/virtio-backend "${command}"`,
      );

    test('is read where it was written to since, also once it is off', async () => {
      virsh('start', `--domain=${NAME}`);
      const first = await capture(place, 'machine', { live: true });
      expect(first.processedBytes).toBe(64 * MIB);
      expect(checkpoints()).toHaveLength(1);
      writeLive('write -P 9 5M 64k');
      virsh('destroy', `--domain=${NAME}`);
      const bitmaps = () => JSON.parse(run('qemu-img', 'info', '--output=json', disk))['format-specific'].data.bitmaps;
      expect(bitmaps()).toMatchObject([{ name: checkpoints()[0], flags: ['auto'] }]);
      const whole = readFileSync(disk);
      const second = await capture(place, 'machine');
      expect(readFileSync(disk).equals(whole)).toBe(true);
      expect([second.why, second.isTracked]).toEqual([null, true]);
      expect(second.processedBytes).toBeLessThan(MIB);
      await expectEqual('machine', disk);
      // and its files are written to by programs that keep the bitmaps
      write(disk, 'write -P 7 40M 64k');
      const third = await capture(place, 'machine');
      expect(third.processedBytes).toBeLessThan(2 * MIB);
      await expectEqual('machine', disk);
      // the account goes on where the machine does
      virsh('start', `--domain=${NAME}`);
      writeLive('write -P 6 9M 64k');
      virsh('suspend', `--domain=${NAME}`);
      const fourth = await capture(place, 'machine', { live: true });
      expect(fourth.processedBytes).toBeLessThan(3 * MIB);
      expect(fourth.why).toBe(null);
      virsh('destroy', `--domain=${NAME}`);
      await expectEqual('machine', disk);
      expect(checkpoints()).toHaveLength(1);
    });

    test('together with those that others made later', async () => {
      virsh('start', `--domain=${NAME}`);
      writeLive('write -P 1 2M 64k');
      virsh('checkpoint-create-as', `--domain=${NAME}`, '--name=of-another');
      writeLive('write -P 2 50M 64k');
      virsh('destroy', `--domain=${NAME}`);
      const both = await capture(place, 'machine');
      expect(both.why).toBe(null);
      expect(both.processedBytes).toBeLessThan(2 * MIB);
      await expectEqual('machine', disk);
      // without the later one, what it told of is not known
      bitmap('--remove', disk, 'of-another');
      expect(await capture(place, 'machine')).toMatchObject({ why: 'bitmap-gone', processedBytes: 64 * MIB });
      await expectEqual('machine', disk);
      for (const name of checkpoints())
        virsh('checkpoint-delete', `--domain=${NAME}`, `--checkpointname=${name}`, '--metadata');
    });

    test('unless the machine was cut off, or the checkpoint is no more', async () => {
      const begin = async () => {
        virsh('start', `--domain=${NAME}`);
        await capture(place, 'cut', { live: true });
        writeLive(`write -P ${++count} 3M 64k`);
      };
      const kill = () => {
        process.kill(Number(readFileSync(`/run/libvirt/qemu/${NAME}.pid`, 'utf8')), 'SIGKILL');
        while (!virsh('domstate', `--domain=${NAME}`).includes('shut')) run('sleep', '0.1');
      };
      await begin();
      kill();
      // QEMU writes its bitmaps when it ends
      expect(await capture(place, 'cut')).toMatchObject({ why: 'bitmap-gone', processedBytes: 64 * MIB });
      await expectEqual('cut', disk);
      await begin();
      virsh('destroy', `--domain=${NAME}`);
      virsh('start', `--domain=${NAME}`);
      writeLive('write -P 3 7M 64k');
      kill();
      expect(await capture(place, 'cut')).toMatchObject({ why: 'bitmap-broken', processedBytes: 64 * MIB });
      await expectEqual('cut', disk);
      await begin();
      virsh('destroy', `--domain=${NAME}`);
      for (const name of checkpoints())
        virsh('checkpoint-delete', `--domain=${NAME}`, `--checkpointname=${name}`, '--metadata');
      expect(await capture(place, 'cut')).toMatchObject({ why: 'checkpoint-gone', processedBytes: 64 * MIB });
      await expectEqual('cut', disk);
    });
  });
});
