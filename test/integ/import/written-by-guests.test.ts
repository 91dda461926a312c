/** A raw disk's first bytes are written by whoever used it: a header that names a neighbour must not bring the neighbour into a template. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openEngine, refusal, resultOf } from '../../support/engine.ts';
import { importFrom } from '../../support/transfer.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';
import { buildFooter, buildVhd } from '../formats/build-vhd.ts';
import { expectEqual } from '../formats/virtual-disks.ts';

const bench = workbench();
const engine = await openEngine(bench.path('catalog'));
bench.atEnd(() => engine.close());

const SECRET = 'what the neighbour keeps to itself ';
const folder = bench.path('disks');
mkdirSync(folder);
writeFileSync(`${folder}/neighbour.img`, Buffer.alloc(4 * MIB, SECRET));
const qemuImg = (...args: string[]) => execFileSync('qemu-img', args, { cwd: folder, stdio: 'pipe' });

/** @returns a raw disk of 8 MiB with a file system in a partition, that begins with these bytes */
function rawDisk(head: Buffer): string {
  const path = `${folder}/disk.img`;
  rmSync(path, { force: true });
  run('truncate', '-s', String(8 * MIB), path);
  run('mke2fs', '-q', '-F', '-t', 'ext4', '-E', `offset=${4 * MIB}`, path, '4000k');
  const file = openSync(path, 'r+');
  writeSync(file, head, 0, head.length, 0);
  closeSync(file);
  return path;
}

/** The header of a qcow2 whose backing file is called so; the name need not be one that there is. */
function qcow2(name: string, format: string, compat = '1.1', ...options: string[]): Buffer {
  rmSync(`${folder}/top`, { force: true });
  qemuImg(
    'create',
    '-q',
    '-f',
    'qcow2',
    '-o',
    `compat=${compat}`,
    ...options,
    '-b',
    'neighbour.img',
    '-F',
    'raw',
    'top',
    '8M',
  );
  qemuImg('rebase', '-u', '-f', 'qcow2', '-b', name, '-F', format || 'raw', 'top');
  const head = readFileSync(`${folder}/top`);
  // an extension that nobody knows in place of the backing format
  if (format === '') head.writeUInt32BE(0x12345678, head.indexOf(Buffer.from('e2792aca', 'hex')));
  return head;
}

function vmdk(): Buffer {
  const text = [
    '# Disk DescriptorFile',
    'version=1',
    'CID=fffffffe',
    'parentCID=ffffffff',
    'createType="monolithicFlat"',
    'RW 8192 FLAT "neighbour.img" 0',
    '',
  ].join('\n');
  return Buffer.from(text.padEnd(4096, '\n'));
}

function dataFile(): Buffer {
  for (const name of ['top', 'data.raw']) rmSync(`${folder}/${name}`, { force: true });
  qemuImg('create', '-q', '-f', 'qcow2', '-o', 'data_file=data.raw,data_file_raw=on', 'top', '4M');
  writeFileSync(`${folder}/data.raw`, Buffer.alloc(4 * MIB, SECRET));
  return readFileSync(`${folder}/top`);
}

/** Whether the neighbour's bytes are in a template, as it is deployed. */
async function holdsSecret(template: string): Promise<boolean> {
  const out = bench.path('out');
  rmSync(out, { force: true });
  resultOf(await engine.deploy(template, out));
  return readFileSync(out).includes(SECRET);
}

const HEADERS: [name: string, head: () => Buffer][] = [
  ['qcow2 of version 3 on a raw neighbour', () => qcow2('neighbour.img', 'raw')],
  ['qcow2 of version 2 on a raw neighbour', () => qcow2('neighbour.img', 'raw', '0.10')],
  ['qcow2 whose backing format is not told', () => qcow2('neighbour.img', '')],
  ['qcow2 on ./neighbour', () => qcow2('./neighbour.img', 'raw')],
  ['qcow2 on an absolute path', () => qcow2(`${folder}/neighbour.img`, 'raw')],
  ['qcow2 on a path of a folder above', () => qcow2('../disks/neighbour.img', 'raw')],
  ['qcow2 on json:', () => qcow2('json:{"driver":"raw","file":{"driver":"file","filename":"neighbour.img"}}', 'raw')],
  ['qcow2 on nbd:', () => qcow2('nbd:unix:/tmp/socket', 'raw')],
  ['qcow2 with a data file', dataFile],
  ['a VMDK descriptor', vmdk],
];

test.each(HEADERS)('%s', async (_, head) => {
  const path = rawDisk(head());
  // nobody said what it is: nothing of the neighbour is taken, whoever asks
  for (const ask of [() => engine.capture(path, 'guessed'), () => importFrom(engine, path, 'guessed')]) {
    const { code, data } = await refusal(ask());
    // no descriptor is as long as a disk
    expect(['PLAN_BLOCKED', 'FORMAT_UNSUPPORTED', 'FORMAT_INVALID']).toContain(code);
    if (code === 'PLAN_BLOCKED') {
      expect(data).toMatchObject({ check: 'IMAGE_READS_OTHERS' });
      const { files } = await engine.client.call('import.plan', { path, name: 'guessed' }).then(({ image }) => image);
      expect(files).toEqual(['neighbour.img']);
    }
  }
  await expect(engine.client.call('template.show', { template: 'guessed' })).rejects.toMatchObject({
    view: { code: 'TEMPLATE_NOT_FOUND' },
  });
  // said to be raw, it is what it is, header and all
  const inspected = await engine.client.call('source.inspect', { source: path, format: 'raw' });
  expect(inspected.disk.lengthBytes).toBe(8 * MIB);
  resultOf(await engine.capture(path, 'raw', { format: 'raw', outside: 'take' }));
  expect(await holdsSecret('raw')).toBe(false);
  resultOf(await importFrom(engine, path, 'raw', { format: 'raw', outside: 'take' }));
  expect(await holdsSecret('raw')).toBe(false);
  expect(readFileSync(bench.path('out')).subarray(0, 4096)).toEqual(readFileSync(path).subarray(0, 4096));
});

/** Formats that name others in other ways (by a footer at the end, by GUIDs, by a number), or none at all: then they are told as what they look like. */
const OTHERS: [name: string, looksLike: string, head: () => Buffer, tail?: () => Buffer][] = [
  ['QED on the neighbour', 'a foreign format', () => made('qed', '-b', 'neighbour.img', '-F', 'raw')],
  ['Parallels', 'a foreign format', () => made('parallels')],
  ['Bochs', 'a foreign format', bochs],
  ['qcow of version 1 on the neighbour', 'nothing', () => made('qcow', '-b', 'neighbour.img', '-F', 'raw')],
  ['VDI', 'vdi', () => made('vdi')],
  ['VDI that says that it has a parent', 'nothing', childVdi],
  ['VHDX', 'vhdx', () => made('vhdx')],
  ['VHDX with its parent bit set', 'nothing', childVhdx],
  ['dynamic VHD, without its footer', 'vhd', () => made('vpc')],
  ['differencing VHD', 'nothing', childVhd, () => childVhd().subarray(-512)],
  ['differencing VHD, its footer alone', 'nothing', () => Buffer.alloc(0), () => childVhd().subarray(-512)],
  ['fixed VHD, its footer alone', 'nothing', () => Buffer.alloc(0), () => buildFooter(4 * MIB, 2, 'fixed')],
  ['VMDK', 'vmdk', () => made('vmdk')],
  ['VMDK on the neighbour', 'nothing', childVmdk],
  ['VMDK descriptor on a device', 'nothing', () => deviceVmdk('/dev/loop0')],
  ['VMDK descriptor on a disk of the machine', 'nothing', () => deviceVmdk('neighbour.img', 'fullDevice')],
];

function made(format: string, ...options: string[]): Buffer {
  rmSync(`${folder}/top`, { force: true });
  qemuImg('create', '-q', '-f', format, ...options, 'top', '8M');
  return readFileSync(`${folder}/top`).subarray(0, 4 * MIB);
}

/** QEMU's block driver bochs.c: a header of 512 bytes, a catalog of extents behind it. */
function bochs(): Buffer {
  const head = Buffer.alloc(512);
  head.write('Bochs Virtual HD Image', 0, 'latin1');
  head.write('Redolog', 32, 'latin1');
  head.write('Growing', 48, 'latin1');
  [0x20000, 512, 1, 512, MIB].forEach((value, i) => head.writeUInt32LE(value, 64 + 4 * i));
  head.writeBigUInt64LE(BigInt(8 * MIB), 88);
  return head;
}

/** Type 4 of the header is a differencing one; the UUID behind it names the parent. */
function childVdi(): Buffer {
  const head = Buffer.from(made('vdi'));
  head.writeUInt32LE(4, 0x4c);
  head.fill(0x77, 0x1b8, 0x1c8);
  return head;
}

/** The bit HasParent of the file parameters, which follow the metadata table at 64 KiB of its region. */
function childVhdx(): Buffer {
  const head = Buffer.from(made('vhdx'));
  const table = head.indexOf('metadata');
  const parameters = head.indexOf(Buffer.from('3767a1ca36fa434db3b633f0aa44e76b', 'hex'), table);
  const at = table + head.readUInt32LE(parameters + 16);
  head.writeUInt32LE(head.readUInt32LE(at + 4) | 2, at + 4);
  return head;
}

function childVmdk(): Buffer {
  rmSync(`${folder}/base.vmdk`, { force: true });
  qemuImg('create', '-q', '-f', 'vmdk', 'base.vmdk', '8M');
  return made('vmdk', '-b', 'base.vmdk', '-F', 'vmdk');
}

function childVhd(): Buffer {
  const locators = { W2ru: '.\\neighbour.img' };
  const parent = { name: 'neighbour', fieldName: 'neighbour.img', locators };
  return buildVhd({ lengthBytes: 8 * MIB, blockBytes: 2 * MIB, sectors: new Map(), name: 'child', parent });
}

function deviceVmdk(extent: string, type = 'monolithicFlat'): Buffer {
  const lines = ['# Disk DescriptorFile', 'version=1', 'CID=fffffffe', 'parentCID=ffffffff', `createType="${type}"`];
  return Buffer.from([...lines, `RW 8192 FLAT "${extent}" 0`, ''].join('\n').padEnd(4096, '\n'));
}

test.each(OTHERS)('%s: never the neighbour; on a device, and said to be raw, it is what it is', async (...other) => {
  const [, looksLike, head, tail] = other;
  const path = rawDisk(head());
  if (tail) {
    const file = openSync(path, 'r+');
    writeSync(file, tail(), 0, 512, 8 * MIB - 512);
    closeSync(file);
  }
  const bytes = readFileSync(path);
  if (FORMATS.includes(looksLike)) {
    // told, so that a person can say otherwise; and it reads of itself alone
    expect(await engine.client.call('source.inspect', { source: path })).toMatchObject({ format: looksLike });
    const planned = await engine.client.call('capture.plan', { source: path, name: 'other' });
    const importing = await engine.client.call('import.plan', { path, name: 'other' });
    const told = { code: 'IMAGE_FORMAT_BY_CONTENT', level: 'warn', data: { name: 'disk.img', format: looksLike } };
    for (const { checks } of [planned, importing]) expect(checks).toContainEqual(told);
    expect([planned.files, importing.image.files]).toEqual([[], []]);
  } else {
    const codes =
      looksLike === 'nothing' ? /^(FORMAT_(INVALID|UNSUPPORTED|UNCLEAR)|PLAN_BLOCKED|NOT_FOUND)$/ : /^FORMAT_FOREIGN$/;
    for (const ask of [() => engine.capture(path, 'other'), () => importFrom(engine, path, 'other')]) {
      const { code, data } = await refusal(ask());
      expect(code).toMatch(codes);
      if (code === 'PLAN_BLOCKED') expect(data.check).toMatch(/^IMAGE_/);
    }
  }
  for (const take of [
    () => engine.capture(path, 'as raw', { format: 'raw', outside: 'take' }),
    ...(canLoop ? [() => engine.capture(bench.attach(path), 'as raw', { outside: 'take' })] : []),
  ]) {
    resultOf(await take());
    expect(await holdsSecret('as raw')).toBe(false);
    const out = readFileSync(bench.path('out'));
    expect(out.length).toBe(bytes.length);
    expectEqual(out.subarray(0, head().length), bytes.subarray(0, head().length), 'head');
    expectEqual(out.subarray(-512), bytes.subarray(-512), 'tail');
  }
});

const FORMATS = ['vdi', 'vhdx', 'vhd', 'vmdk'];

test('a neighbour is read where the plan told its name and a person said what the image is', async () => {
  const path = rawDisk(qcow2('./neighbour.img', 'raw'));
  const plan = await engine.client.call('capture.plan', { source: path, name: 'said', format: 'qcow2' });
  expect(plan.files).toEqual(['neighbour.img']);
  expect(plan.checks).toContainEqual(expect.objectContaining({ code: 'IMAGE_READS_OTHERS', level: 'warn' }));
  resultOf(await engine.capture(path, 'said', { format: 'qcow2' }));
  expect(await holdsSecret('said')).toBe(true);
});

test('a backing file that is told to be raw stays raw, whatever it begins with', async () => {
  qemuImg('create', '-q', '-f', 'qcow2', '-b', 'neighbour.img', '-F', 'raw', 'looks-like.img', '4M');
  rmSync(`${folder}/upper.qcow2`, { force: true });
  qemuImg('create', '-q', '-f', 'qcow2', '-b', 'looks-like.img', '-F', 'raw', 'upper.qcow2');
  resultOf(await importFrom(engine, `${folder}/upper.qcow2`, 'stays raw'));
  expect(await holdsSecret('stays raw')).toBe(false);
  qemuImg('convert', '-O', 'raw', 'upper.qcow2', 'by-qemu.raw');
  expectEqual(readFileSync(bench.path('out')), readFileSync(`${folder}/by-qemu.raw`), 'by qemu-img');
});

test.skipIf(!canLoop)('links, pipes, folders and devices as neighbours are refused', async () => {
  const path = `${folder}/upper.qcow2`;
  const make: [string, (at: string) => void][] = [
    ['a link', (at) => symlinkSync(`${folder}/neighbour.img`, at)],
    ['a pipe', (at) => void run('mkfifo', at)],
    ['a folder', (at) => mkdirSync(at)],
    ['a device', (at) => void run('mknod', at, 'b', '7', '0')],
  ];
  for (const [what, put] of make) {
    const at = `${folder}/beside.img`;
    rmSync(path, { force: true });
    rmSync(at, { recursive: true, force: true });
    writeFileSync(at, '');
    qemuImg('create', '-q', '-f', 'qcow2', '-u', '-b', 'beside.img', '-F', 'raw', 'upper.qcow2', '4M');
    rmSync(at);
    put(at);
    expect((await refusal(importFrom(engine, path, 'link'))).code, what).toBe('FORMAT_UNSUPPORTED');
    rmSync(at, { recursive: true });
  }
});

test('an image that names another file than it did in the plan is refused', async () => {
  const path = `${folder}/upper.qcow2`;
  rmSync(path, { force: true });
  qemuImg('create', '-q', '-f', 'qcow2', '-b', 'neighbour.img', '-F', 'raw', 'upper.qcow2', '4M');
  writeFileSync(`${folder}/other.img`, Buffer.alloc(4 * MIB, 'other'));
  const { client, ended } = engine;
  const capture = await client.call('capture.plan', { source: path, name: 'changed' });
  const importing = await client.call('import.plan', { path, name: 'changed' });
  qemuImg('rebase', '-u', '-b', 'other.img', '-F', 'raw', 'upper.qcow2');
  const jobs = [
    await client.call('capture.start', { planId: capture.planId }),
    await client.call('import.start', { planId: importing.planId }),
  ];
  for (const { jobId } of jobs) expect((await ended(jobId)).error?.code).toBe('SOURCE_CHANGED');
});
