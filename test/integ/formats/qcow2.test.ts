/** qcow2 images of qemu-img, read as qemu-img reads them. */
import { copyFileSync, readFileSync, truncateSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openSource } from '../../../src-engine/images/open-source.ts';
import { thisMachine } from '../../../src-engine/machines/this-machine.ts';
import { proves } from '../../support/matrix.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';
import { expectAsQemu, expectContent, makeRaw, openImage } from './virtual-disks.ts';

const bench = workbench();
const raw = makeRaw(bench, 'disk.raw');
const read = (feature: string) => ({ subject: 'qcow2', feature, aspect: 'read', judge: 'qemu-img' }) as const;

function convert(name: string, options: string, ...flags: string[]): string {
  const path = bench.path(name);
  run('qemu-img', 'convert', '-O', 'qcow2', ...flags, ...(options ? ['-o', options] : []), raw, path);
  return path;
}

describe('clusters', () => {
  for (const size of ['512', '4k', '64k', '2M']) {
    test(`of ${size}: stored, zlib, zstd`, async (context) => {
      await expectAsQemu(bench, convert('plain', `cluster_size=${size}`), 'qcow2');
      await expectAsQemu(bench, convert('zlib', `cluster_size=${size}`, '-c'), 'qcow2');
      await expectAsQemu(bench, convert('zstd', `cluster_size=${size},compression_type=zstd`, '-c'), 'qcow2');
      proves(context, read('cluster sizes 512 B to 2 MiB'), read('zlib compression'), read('zstd compression'));
    });
  }

  test('of version 2', async (context) => {
    const { variant } = await expectAsQemu(bench, convert('v2', 'compat=0.10'), 'qcow2');
    expect(variant).toBe('version 2');
    await expectAsQemu(bench, convert('v2c', 'compat=0.10', '-c'), 'qcow2');
    proves(context, read('version 2'));
  });

  test('with subclusters: some written, some zeros, some compressed', async (context) => {
    const path = convert('extended', 'extended_l2=on,compression_type=zstd');
    run(
      'qemu-io',
      '-c',
      'write -P 7 2052096 2048',
      '-c',
      'write -z 6295552 8192',
      '-c',
      'write -c -P 9 14680064 65536',
      path,
    );
    const { dataBytes } = await expectAsQemu(bench, path, 'qcow2');
    expect(dataBytes).toBeLessThan(5 * MIB);
    await expectAsQemu(bench, convert('extended 16k', 'extended_l2=on,cluster_size=16k', '-c'), 'qcow2');
    proves(context, read('extended L2 entries (subclusters)'));
  });

  test('allocated in advance', async (context) => {
    for (const how of ['metadata', 'falloc', 'full']) {
      await expectAsQemu(bench, convert(how, `preallocation=${how}`), 'qcow2');
    }
    proves(context, read('preallocation'));
  });

  test('of zeros that are allocated, and discarded ones', async (context) => {
    const path = convert('zeros', 'lazy_refcounts=on,refcount_bits=1');
    run(
      'qemu-io',
      '-c',
      'write -z 6291456 1048576',
      '-c',
      'discard 7340032 524288',
      '-c',
      'write -zu 1048576 131072',
      path,
    );
    const { dataBytes } = await expectAsQemu(bench, path, 'qcow2');
    expect(dataBytes).toBeLessThan(statSync(path).size);
    proves(context, read('zero clusters'), read('lazy refcounts'));
  });

  test('of an empty disk, and of one of no length', async () => {
    for (const size of ['3T', '0']) {
      const path = bench.path('empty');
      run('qemu-img', 'create', '-q', '-f', 'qcow2', path, size);
      const image = await openImage(path);
      let runs = 0;
      for await (const batch of image.source.dataRuns!(0, image.source.lengthBytes, new AbortController().signal)) {
        runs += batch.length;
      }
      expect(runs).toBe(0);
      expect(image.source.lengthBytes).toBe(size === '0' ? 0 : 3 * 2 ** 40);
      await image.source.close();
    }
  });
});

describe('backing files', () => {
  function overlay(name: string, backing: string, format: string, ...rest: string[]): string {
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', backing, '-F', format, bench.path(name), ...rest);
    return bench.path(name);
  }
  const write = (path: string, ...commands: string[]) =>
    run('qemu-io', ...commands.flatMap((one) => ['-c', one]), path);

  test('raw, qcow2, a chain of three, longer and shorter than what is on them', async (context) => {
    const first = overlay('first.qcow2', 'disk.raw', 'raw');
    write(first, 'write -P 1 100000 5000', 'write -z 6291456 300000');
    await expectAsQemu(bench, first, 'qcow2');
    const longer = overlay('longer.qcow2', 'first.qcow2', 'qcow2', '30M');
    write(longer, 'write -P 2 25000000 4096', 'write -c -P 3 8388608 65536', 'discard 0 65536');
    const shorter = overlay('shorter.qcow2', 'longer.qcow2', 'qcow2', '7M');
    const { dependsOn } = await expectAsQemu(bench, shorter, 'qcow2');
    expect(dependsOn).toEqual(['longer.qcow2', 'first.qcow2', 'disk.raw']);
    await expectAsQemu(bench, longer, 'qcow2');
    proves(context, read('backing files beside it'));
  });

  test('that are pipes are refused, and nobody waits for who writes to them', async () => {
    run('mkfifo', bench.path('pipe'));
    const path = bench.path('on-pipe.qcow2');
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-u', '-b', 'pipe', '-F', 'raw', path, '8M');
    await expect(openSource(thisMachine(), path, null, new AbortController().signal)).rejects.toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
    });
  });

  test('of other formats, and with subclusters', async (context) => {
    run('qemu-img', 'convert', '-O', 'vmdk', raw, bench.path('base.vmdk'));
    const path = bench.path('on-vmdk.qcow2');
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', 'extended_l2=on', '-b', 'base.vmdk', '-F', 'vmdk', path);
    write(path, 'write -P 5 1000000 3000', 'write -z 4194304 2048');
    await expectAsQemu(bench, path, 'qcow2');
    proves(context, read('backing files of other formats'));
  });

  test('a disk that looks like an image, and is said to be raw, is taken as it is', async () => {
    const inner = convert('inner.qcow2', '');
    const path = overlay('on-inner.qcow2', 'inner.qcow2', 'raw');
    await expectContent(path, readFileSync(inner));
  });

  test('that are missing, endless, or elsewhere', async () => {
    const path = overlay('alone.qcow2', 'disk.raw', 'raw');
    const rebase = (name: string) => run('qemu-img', 'rebase', '-u', '-f', 'qcow2', '-b', name, '-F', 'qcow2', path);
    rebase('nowhere.qcow2');
    await expect(openImage(path)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    rebase('alone.qcow2');
    await expect(openImage(path)).rejects.toMatchObject({
      code: 'FORMAT_INVALID',
      data: { field: 'chain of parents' },
    });
    for (const name of [
      raw,
      '../disk.raw',
      './../disk.raw',
      'json:{"driver":"raw"}',
      'nbd://localhost/x',
      'fat:rw:.',
    ]) {
      rebase(name);
      await expect(openImage(path)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED', data: { path: name } });
    }
  });
});

test('snapshots inside of it are left out, and counted', async () => {
  const path = convert('snapshots', '');
  run('qemu-img', 'snapshot', '-c', 'one', path);
  run('qemu-io', '-c', 'write -P 9 1M 128k', path);
  run('qemu-img', 'snapshot', '-c', 'two', path);
  run('qemu-io', '-c', 'write -z 2M 128k', path);
  const { warnings } = await expectAsQemu(bench, path, 'qcow2');
  expect(warnings).toEqual([{ code: 'IMAGE_SNAPSHOTS_LEFT_OUT', data: { path: 'snapshots', count: 2 } }]);
});

describe('refused by name', () => {
  const refused = async (path: string, feature: string) =>
    expect(openImage(path)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED', data: { feature } });

  test('encryption, external data files, version 1', async () => {
    const create = (name: string, format: string, ...options: string[]) => {
      run('qemu-img', 'create', '-q', '-f', format, ...options, bench.path(name), '10M');
      return bench.path(name);
    };
    const secret = [
      '--object',
      'secret,id=s,data=abc',
      '-o',
      'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10',
    ];
    await refused(create('luks', 'qcow2', ...secret), 'encrypted qcow2');
    await refused(
      create('ext', 'qcow2', '-o', `data_file=${bench.path('ext.data')}`),
      'qcow2 with an external data file',
    );
    await refused(create('v1', 'qcow'), 'qcow version 1');
  });
});

test('a file that was cut off says where it ends and how much is missing', async () => {
  const path = convert('cut', 'cluster_size=64k');
  // the last cluster of the file is the last of the disk, which needs seven sectors of it
  const neededBytes = statSync(path).size - 65_536 + 7 * 512;
  for (const endBytes of [neededBytes - 1, neededBytes - 3 * MIB]) {
    const cut = bench.path('cut off');
    copyFileSync(path, cut);
    truncateSync(cut, endBytes);
    const image = await openImage(cut);
    const { source } = image;
    const everything = async () => {
      for await (const _batch of source.dataRuns!(0, source.lengthBytes, new AbortController().signal));
    };
    const data = { endBytes, missingBytes: neededBytes - endBytes };
    await expect(everything()).rejects.toMatchObject({ code: 'FILE_TRUNCATED', data });
    await expect(source.readInto(0, Buffer.alloc(source.lengthBytes))).rejects.toMatchObject({
      code: 'FILE_TRUNCATED',
    });
    await source.close();
  }
  truncateSync(path, 100_000);
  await expect(openImage(path)).rejects.toMatchObject({ code: 'FILE_TRUNCATED', data: { endBytes: 100_000 } });
});
