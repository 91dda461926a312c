/** Raw disks that become images where they lie: qemu-img says whether they are whole, and whether they are the same disk. */
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { InPlace, RawFile } from '../../../src-engine/formats/in-place.port.ts';
import { turnIntoQcow2 } from '../../../src-engine/formats/qcow2/in-place.ts';
import { turnIntoVdi } from '../../../src-engine/formats/vdi/in-place.ts';
import { flatDescriptorOf } from '../../../src-engine/formats/vmdk/text.ts';
import { dataOfFile } from '../../../src-engine/machines/data-of-file.ts';
import { MIB, run, workbench } from '../../support/workbench.ts';

const GIB = 1024 * MIB;
const bench = workbench();
const { signal } = new AbortController();

/** Where a disk of some length may have data: its first and last sectors, ends of clusters, blocks and tables. */
const PLACES: Record<string, { lengthBytes: number; writes: string[] }> = {
  'of zeros': { lengthBytes: 3 * MIB, writes: [] },
  'of one sector': { lengthBytes: 512, writes: ['0 512'] },
  'that is full': { lengthBytes: 5 * MIB, writes: ['0 5M'] },
  'that ends inside a cluster': { lengthBytes: 2 * MIB + 512, writes: ['1M 1k', `${2 * MIB} 512`] },
  'with an empty first cluster': { lengthBytes: 20 * MIB, writes: ['65536 4k', '10M 1M'] },
  'with data on both sides of a table of 512 MiB': { lengthBytes: GIB, writes: ['0 4k', `${512 * MIB - 4096} 8k`] },
  'of 5 GiB, whose counts lie in several blocks': {
    lengthBytes: 5 * GIB + 512,
    writes: ['512 512', `${2 * GIB - 512} 1k`, `${5 * GIB} 512`],
  },
  // its map, or its counts, begin a further cluster behind the disk
  'whose tables begin a further range of counts': { lengthBytes: 2 * GIB - 65536, writes: ['0 512', '1G 1M'] },
  'of 300 GiB, whose map takes two blocks': { lengthBytes: 300 * GIB, writes: ['64k 3M', '150G 64k', '306175M 1M'] },
};

function makeRaw(name: string, lengthBytes: number, writes: readonly string[]): string {
  const path = bench.path(name);
  rmSync(path, { force: true });
  run('truncate', '-s', `${lengthBytes}`, path);
  writes.forEach((write, i) => run('qemu-io', '-f', 'raw', '-c', `write -P ${i + 1} ${write}`, path));
  return path;
}

async function turned(raw: string, turn: InPlace, handleOf = (handle: FileHandle): RawFile['handle'] => handle) {
  const path = `${raw}.turned`;
  run('cp', '--sparse=auto', raw, path);
  const handle = await open(path, 'r+');
  try {
    const lengthBytes = statSync(raw).size;
    const data = await dataOfFile(handle, path, lengthBytes, signal);
    await turn({ handle: handleOf(handle), path, lengthBytes, data }, signal);
  } finally {
    await handle.close();
  }
  return path;
}

/** All blocks of a VDI are there, so qemu-img would read all of a long one: of that, what was written is read, and what lies around it. */
function expectEqual(raw: string, path: string, format: string, writes: readonly string[]): void {
  if (format !== 'vdi' || statSync(raw).size < 10 * GIB) {
    run('qemu-img', 'compare', '-f', 'raw', '-F', format, raw, path);
    return;
  }
  const patterns = [...writes.map((write, i) => `${i + 1} ${write}`), '0 70M 9M', `0 ${150 * 1024 - 9}M 9M`];
  for (const pattern of patterns) {
    const said = run('qemu-io', '-f', format, '-c', `read -P ${pattern}`, path);
    expect(said).not.toContain('verification failed');
  }
}

const allocated = (path: string) => statSync(path).blocks * 512;
const FORMATS = { qcow2: turnIntoQcow2, vdi: turnIntoVdi } as const;

for (const [format, turn] of Object.entries(FORMATS)) {
  describe(format, () => {
    for (const [name, { lengthBytes, writes }] of Object.entries(PLACES)) {
      test(`of a disk ${name}`, async () => {
        const raw = makeRaw('disk', lengthBytes, writes);
        const path = await turned(raw, turn);
        const check = JSON.parse(run('qemu-img', 'check', '-f', format, '--output=json', path));
        expect(check['check-errors'] + (check.corruptions ?? 0) + (check.leaks ?? 0)).toBe(0);
        const info = JSON.parse(run('qemu-img', 'info', '-f', format, '--output=json', path));
        expect(info['virtual-size']).toBe(lengthBytes);
        const equal = () => expectEqual(raw, path, format, writes);
        equal();
        // tables, what lies under the header, and no second copy of anything
        expect(allocated(path) - allocated(raw)).toBeLessThan(6 * MIB);
        // it goes on as an image of that format: what is written anew takes no place of what is there
        const [at] = ['1k', `${lengthBytes - 512}`].filter((place) => lengthBytes > 512 || place !== '1k');
        run('qemu-io', '-f', format, '-c', `write -P 99 ${at} 512`, path);
        run('qemu-io', '-f', 'raw', '-c', `write -P 99 ${at} 512`, raw);
        run('qemu-img', 'check', '-q', '-f', format, path);
        equal();
        rmSync(path);
      });
    }
  });
}

test('holes of a qcow2 are given to what is written later', async () => {
  const raw = makeRaw('disk', 64 * MIB, ['0 1M', '40M 1M']);
  const path = await turned(raw, turnIntoQcow2);
  run('qemu-io', '-f', 'qcow2', '-c', 'write -P 5 10M 8M', '-c', 'discard 40M 1M', '-c', 'write -P 6 30M 2M', path);
  run('qemu-img', 'check', '-q', '-f', 'qcow2', path);
  run('qemu-io', '-f', 'raw', '-c', 'write -P 5 10M 8M', '-c', 'write -z 40M 1M', '-c', 'write -P 6 30M 2M', raw);
  run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', raw, path);
});

test('a qcow2 with a file system on the whole disk looks like no file system', async () => {
  const raw = makeRaw('disk', 16 * MIB, []);
  run('mke2fs', '-q', '-F', raw);
  const path = await turned(raw, turnIntoQcow2);
  expect(
    readFileSync(path)
      .subarray(512, 65536)
      .every((byte) => byte === 0),
  ).toBe(true);
  run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', raw, path);
});

/** Writes that come to nothing from the nth on, as where the power goes. */
class StoppedHandle {
  readonly #handle: FileHandle;
  #left: number;

  constructor(handle: FileHandle, steps: number) {
    this.#handle = handle;
    this.#left = steps;
  }

  #step(): void {
    if (this.#left-- <= 0) throw new Error('stopped');
  }

  read = ((...args: Parameters<FileHandle['read']>) => this.#handle.read(...args)) as FileHandle['read'];
  write = (async (...args: Parameters<FileHandle['write']>) => {
    this.#step();
    return this.#handle.write(...args);
  }) as FileHandle['write'];
  async sync() {
    this.#step();
    await this.#handle.sync();
  }
  async truncate(length?: number) {
    this.#step();
    await this.#handle.truncate(length);
  }
}

describe('stopped at any step', () => {
  const raw = makeRaw('stopped', 3 * MIB, ['0 1M', '2M 64k']);
  const looksLike = (path: string): string => JSON.parse(run('qemu-img', 'info', '--output=json', path)).format;

  test('qcow2 is the raw disk still, or whole', async () => {
    const seen = new Set<string>();
    for (let steps = 0; ; steps++) {
      const isDone = await turned(raw, turnIntoQcow2, (handle) => new StoppedHandle(handle, steps)).then(
        () => true,
        () => false,
      );
      const path = `${raw}.turned`;
      seen.add(looksLike(path));
      if (looksLike(path) === 'qcow2') run('qemu-img', 'check', '-q', '-f', 'qcow2', path);
      if (looksLike(path) === 'raw') run('truncate', '-s', `${3 * MIB}`, path);
      run('qemu-img', 'compare', '-F', 'raw', path, raw);
      if (isDone) break;
    }
    expect([...seen]).toEqual(['raw', 'qcow2']);
  });

  test('VDI is none before it is whole', async () => {
    for (let steps = 0; ; steps++) {
      const isDone = await turned(raw, turnIntoVdi, (handle) => new StoppedHandle(handle, steps)).then(
        () => true,
        () => false,
      );
      const path = `${raw}.turned`;
      if (looksLike(path) === 'vdi') run('qemu-img', 'compare', '-f', 'vdi', '-F', 'raw', path, raw);
      if (isDone) break;
      if (steps > 100) throw new Error('it does not end');
    }
    expect(looksLike(`${raw}.turned`)).toBe('vdi');
  });
});

test('a flat VMDK is a text beside the raw disk', () => {
  const raw = makeRaw('machine ü-flat.vmdk', 7 * MIB, ['1M 1M']);
  const path = bench.path('machine ü.vmdk');
  writeFileSync(path, flatDescriptorOf((7 * MIB) / 512, basename(raw)));
  expect(JSON.parse(run('qemu-img', 'info', '--output=json', path))).toMatchObject({
    format: 'vmdk',
    'virtual-size': 7 * MIB,
    'format-specific': { data: { 'create-type': 'monolithicFlat' } },
  });
  run('qemu-img', 'compare', '-f', 'vmdk', '-F', 'raw', path, raw);
});

describe('where a file holds data', () => {
  const at = async (path: string) => {
    const handle = await open(path, 'r+');
    const data = await dataOfFile(handle, path, statSync(path).size, signal).finally(() => handle.close());
    return data.map(({ startBytes, lengthBytes }) => [startBytes / MIB, lengthBytes / MIB]);
  };

  test('is told by the file system', async () => {
    expect(await at(makeRaw('told', 64 * MIB, ['3M 2M', '40M 1M']))).toEqual([
      [3, 2],
      [40, 1],
    ]);
    expect(await at(makeRaw('none', 64 * MIB, []))).toEqual([]);
  });

  test('is looked for where that does not tell, or tells too much', async () => {
    const folder = bench.path('memory');
    run('mkdir', folder);
    run('mount', '-t', 'tmpfs', 'tmpfs', folder);
    bench.atEnd(() => run('umount', folder));
    copyFileSync(makeRaw('told', 8 * MIB, ['3M 2M', '7M 1M']), `${folder}/disk`);
    expect(await at(`${folder}/disk`)).toEqual([
      [3, 2],
      [7, 1],
    ]);
    // of so many pieces, the last are not heard
    const many = bench.path('many');
    const handle = await open(many, 'w');
    for (let i = 0; i < 20_000; i++) await handle.write(Buffer.alloc(4096, 1), 0, 4096, i * 16384);
    await handle.close();
    expect(await at(many)).toEqual([[0, statSync(many).size / MIB]]);
  });

  test('is of no use where what was written has not reached the medium', async () => {
    const path = makeRaw('unwritten', 8 * MIB, ['3M 2M']);
    const handle = await open(path, 'r+');
    // as a disk that fails behind the page cache tells it, once: fsync(2), EIO
    handle.sync = () => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'fsync' }));
    await expect(dataOfFile(handle, path, 8 * MIB, signal).finally(() => handle.close())).rejects.toMatchObject({
      code: 'EIO',
    });
  });

  test('is looked for where fewer places are told than it takes', async () => {
    const path = makeRaw('packed by its file system', 8 * MIB, ['3M 2M']);
    // what filefrag prints where blocks are asked for one by one, and a file system answers 0 for those that it has packed
    const blocks = (8 * MIB) / 512;
    const said = [`File size of FILE is ${8 * MIB} (${blocks} blocks of 512 bytes)`, 'FILE: 0 extents found'];
    const folder = bench.path('programs');
    mkdirSync(folder);
    writeFileSync(`${folder}/filefrag`, `#!/bin/sh\necho '${said.join("'; echo '")}'\n`, { mode: 0o755 });
    const before = process.env.PATH;
    process.env.PATH = `${folder}:${before}`;
    expect(await at(path).finally(() => (process.env.PATH = before))).toEqual([[3, 2]]);
  });
});
